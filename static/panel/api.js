// The panel's API: JSON in, JSON out, failures as one class.

/** What the server refused, or that it could not be reached (`status` 0). `raw` is its answer as it came. */
export class ApiFailure extends Error {
  constructor(status, error, raw) {
    super(error.message);
    this.status = status;
    this.code = error.code ?? null;
    this.param = error.param ?? null;
    this.raw = raw;
  }
}

/** The requests to the server at `base` (its path prefix, "" or "/prefix"). */
export function createApi(base) {
  const call = (method, path, options) => request(method, base + path, options);
  const versioned = async (answer) => {
    const { body, response } = await answer;
    return { config: body, version: tag(response) };
  };
  const body = async (answer) => (await answer).body;
  return {
    config: () => versioned(call("GET", "/api/admin/config")),
    save: (config, version) => versioned(call("POST", "/api/admin/config", { json: config, version })),
    models: () => body(call("GET", "/api/models")),
    state: () => body(call("GET", "/api/admin/state")),
    history: () => body(call("GET", "/api/admin/history")),
    version: (id) => body(call("GET", `/api/admin/history/${encodeURIComponent(id)}`)),
    restore: (id, version) =>
      versioned(call("POST", `/api/admin/history/${encodeURIComponent(id)}/restore`, { json: {}, version })),
    preview: (text) => body(call("POST", "/api/admin/import", { json: { text, dry_run: true } })),
    import: (text, version) => versioned(call("POST", "/api/admin/import", { json: { text }, version })),
    exportUrl: (format) => `${base}/api/admin/export?format=${format}`,
    about: () => body(call("GET", "/")),
  };
}

async function request(method, url, { json, version } = {}) {
  const headers = { Accept: "application/json" };
  if (json !== undefined) headers["Content-Type"] = "application/json";
  if (version) headers["If-Match"] = `"${version}"`;
  let response, text;
  try {
    response = await fetch(url, { method, headers, body: json === undefined ? undefined : JSON.stringify(json) });
    text = await response.text();
  } catch (error) {
    throw new ApiFailure(0, { message: error.message }, "");
  }
  const content = parse(text);
  if (!response.ok || content === undefined) {
    throw new ApiFailure(response.status, content?.error ?? { message: `HTTP ${response.status}` }, text);
  }
  return { body: content, response };
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function tag(response) {
  return (response.headers.get("ETag") ?? "").replace(/^W\//, "").replaceAll('"', "");
}
