"""What an hour's work gives: Flask and requests, a line at a time. The measure to beat."""

import json
import os
import time
import uuid

import requests
from flask import Flask, Response, jsonify, request

app = Flask(__name__)
POE = os.environ["POE_BASE_URL"]
ROLES = {"assistant": "bot", "developer": "system"}


def events(model, messages, key):
    query = [
        {"role": ROLES.get(m["role"], m["role"]), "content": m["content"], "content_type": "text/markdown"}
        for m in messages
    ]
    body = {
        "version": "1.2",
        "type": "query",
        "query": query,
        "user_id": "",
        "conversation_id": "",
        "message_id": "",
    }
    with requests.post(
        f"{POE}/bot/{model}",
        json=body,
        headers={"Authorization": f"Bearer {key}", "Accept": "text/event-stream"},
        stream=True,
        timeout=300,
    ) as response:
        response.raise_for_status()
        event = ""
        for line in response.iter_lines():
            if line.startswith(b"event:"):
                event = line[6:].strip().decode()
            elif line.startswith(b"data:") and event == "text":
                yield json.loads(line[5:])["text"]
            elif line.startswith(b"data:") and event == "done":
                return


@app.post("/v1/chat/completions")
def chat():
    data = request.get_json()
    key = request.headers.get("Authorization", "").removeprefix("Bearer ")
    answer = events(data["model"], data["messages"], key)
    head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": data["model"]}
    if not data.get("stream"):
        message = {"role": "assistant", "content": "".join(answer)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return jsonify(head | {"object": "chat.completion", "choices": [choice]})

    def stream():
        chunk = head | {"object": "chat.completion.chunk"}
        for text in answer:
            choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
            yield f"data: {json.dumps(chunk | {'choices': [choice]})}\n\n"
        choice = {"index": 0, "delta": {}, "finish_reason": "stop"}
        yield f"data: {json.dumps(chunk | {'choices': [choice]})}\n\n"
        yield "data: [DONE]\n\n"

    return Response(stream(), mimetype="text/event-stream")
