"""FastAPI and fastapi_poe's own client: what Poe's library gives, with one HTTP session kept."""

import json
import os
import time
import uuid
from contextlib import asynccontextmanager

import fastapi_poe
import httpx
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse

POE = os.environ["POE_BASE_URL"] + "/bot/"
ROLES = {"assistant": "bot", "developer": "system"}


@asynccontextmanager
async def lifespan(app):
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
    async with httpx.AsyncClient(timeout=300, limits=limits) as session:
        app.state.session = session
        yield


app = FastAPI(lifespan=lifespan)


async def texts(model, messages, key):
    query = [
        fastapi_poe.ProtocolMessage(role=ROLES.get(m["role"], m["role"]), content=m["content"])
        for m in messages
    ]
    async for partial in fastapi_poe.get_bot_response(
        query, model, key, base_url=POE, session=app.state.session
    ):
        yield partial.text


@app.post("/v1/chat/completions")
async def chat(request: Request):
    data = await request.json()
    key = request.headers.get("Authorization", "").removeprefix("Bearer ")
    answer = texts(data["model"], data["messages"], key)
    head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": data["model"]}
    if not data.get("stream"):
        message = {"role": "assistant", "content": "".join([text async for text in answer])}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return JSONResponse(head | {"object": "chat.completion", "choices": [choice]})

    async def stream():
        chunk = head | {"object": "chat.completion.chunk"}
        async for text in answer:
            choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
            yield f"data: {json.dumps(chunk | {'choices': [choice]})}\n\n"
        choice = {"index": 0, "delta": {}, "finish_reason": "stop"}
        yield f"data: {json.dumps(chunk | {'choices': [choice]})}\n\n"
        yield "data: [DONE]\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream")
