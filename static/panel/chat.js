// Asks a bot through the gateway's own API, as any client does, and follows its stream.

/** The gateway's refusal, or an error in the middle of a stream. `raw` is what came, to be shown as it is. */
export class ChatFailure extends Error {
  constructor(status, raw) {
    super(messageIn(raw) ?? `HTTP ${status}`);
    this.status = status;
    this.raw = raw;
  }
}

/**
 * Ask for a completion, streamed. `onPart({content, reasoning})` is called with the answer so far, whenever it grew.
 * Resolves to { content, reasoning, usage, finish, firstMs, totalMs }, times in milliseconds.
 * Rejects with ChatFailure, or with an AbortError after `signal`. `key` goes into this request and nowhere else.
 */
export async function complete({ base, key, body, signal, onPart = () => {} }) {
  const begun = performance.now();
  const response = await fetch(`${base}/v1/chat/completions`, {
    method: "POST",
    signal,
    credentials: "omit",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` },
    body: JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } }),
  });
  if (!response.ok) throw new ChatFailure(response.status, await response.text());
  const answer = { content: "", reasoning: "", usage: null, finish: null, firstMs: null, totalMs: 0 };
  for await (const event of events(response.body)) {
    if (event.error) throw new ChatFailure(response.status, JSON.stringify(event, null, 2));
    if (take(event, answer)) {
      answer.firstMs ??= performance.now() - begun;
      onPart(answer);
    }
  }
  answer.totalMs = performance.now() - begun;
  return answer;
}

/** Add what a chunk brought; whether it brought any text. */
function take(chunk, answer) {
  answer.usage = chunk.usage ?? answer.usage;
  const choice = chunk.choices?.[0];
  if (!choice) return false;
  answer.finish = choice.finish_reason ?? answer.finish;
  const { content = "", reasoning_content: reasoning = choice.delta?.reasoning ?? "" } = choice.delta ?? {};
  answer.content += content ?? "";
  answer.reasoning += reasoning ?? "";
  return Boolean(content || reasoning);
}

/** The JSON events of a stream of server-sent events; comments and [DONE] are passed over. */
async function* events(body) {
  let rest = "";
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const data = line.startsWith("data:") ? line.slice(5).trim() : "";
      if (data && data !== "[DONE]") yield JSON.parse(data);
    }
  }
}

function messageIn(raw) {
  try {
    return JSON.parse(raw).error.message;
  } catch {
    return undefined;
  }
}
