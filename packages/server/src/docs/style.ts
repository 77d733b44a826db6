/** The look of `/docs`, and the script that lets readers try a route. Both go out under their hashes. */

export const STYLE = `
:root{color-scheme:light dark;--ink:#1a2230;--soft:#5b6678;--line:#dde2ea;--paper:#fff;--code:#f4f6f9;--accent:#1f5fbf;--on:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e8ecf2;--soft:#9aa7ba;--line:#2c3542;--paper:#12161d;--code:#1b212b;--accent:#8db8ff;--on:#10141b}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
main{max-width:60rem;margin:0 auto;padding:2rem 1rem 4rem}
h1{font-size:1.6rem;margin:0 0 .25rem}h2{font-size:1.15rem;margin:2.5rem 0 .5rem;padding-top:1rem;border-top:1px solid var(--line)}
p{margin:.4rem 0;color:var(--soft)}a{color:var(--accent)}
article{padding:.7rem 0;border-bottom:1px solid var(--line)}
h3{font:600 .95rem ui-monospace,monospace;margin:0;overflow-wrap:anywhere}h3 b{color:var(--accent);margin-right:.5rem}
pre{background:var(--code);border:1px solid var(--line);border-radius:6px;padding:.6rem .8rem;margin:.5rem 0 0;overflow-x:auto;font-size:.85rem;white-space:pre-wrap;overflow-wrap:anywhere}
small{color:var(--soft)}nav{margin-top:1rem}nav a{margin-right:1rem;white-space:nowrap}
ul{margin:.3rem 0;padding-left:1.2rem;font-size:.9rem;color:var(--soft)}li code{color:var(--ink)}
details{margin-top:.5rem}summary{cursor:pointer;color:var(--accent);font-size:.9rem;width:fit-content}
label{display:block;margin:.5rem 0 0;font-size:.85rem;color:var(--soft)}
input,textarea{display:block;width:100%;margin-top:.2rem;padding:.45rem .6rem;border:1px solid var(--line);border-radius:6px;background:var(--code);color:var(--ink);font:.85rem ui-monospace,monospace}
textarea{min-height:6rem;resize:vertical}
button{margin:.6rem .5rem 0 0;padding:.45rem 1rem;border:0;border-radius:6px;background:var(--accent);color:var(--on);font:600 .9rem system-ui;cursor:pointer}
button[name=stop]{background:none;color:var(--accent);border:1px solid var(--line)}
.keys{display:grid;grid-template-columns:repeat(auto-fit,minmax(14rem,1fr));gap:0 1rem;margin-top:1rem;padding:.2rem 1rem 1rem;border:1px solid var(--line);border-radius:8px}
.keys p{grid-column:1/-1;font-size:.85rem;margin:.5rem 0 0}
output{display:block;white-space:pre-wrap}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}[hidden]{display:none!important}`;

/**
 * Sends a form's request from the page itself. Credentials are read from the fields when a request leaves and kept nowhere;
 * with a token, or with a client's secret, the session cookie stays at home, because two credentials on one request are refused.
 */
export const SCRIPT = `
"use strict";
const $ = (name) => document.querySelector("[data-key=" + name + "]")?.value.trim() ?? "";
for (const hidden of document.querySelectorAll("[data-script]")) hidden.hidden = false;
const LIMIT = 200000;
document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target, out = form.querySelector("output"), stop = form.elements.namedItem("stop");
  const { method, path, sends, access } = form.dataset;
  let url = path, query = new URLSearchParams();
  for (const field of form.querySelectorAll("[data-in]")) {
    const value = field.value.trim();
    if (field.dataset.in === "path") url = url.replace("{" + field.name + "}", encodeURIComponent(value));
    else if (value !== "") query.set(field.name, value);
  }
  if (query.size > 0) url += "?" + query;
  const headers = {}, token = $("token"), client = $("client"), write = method !== "GET";
  const basic = access === "client" && client !== "";
  if (basic) {
    const pair = encodeURIComponent(client) + ":" + encodeURIComponent($("secret"));
    headers.Authorization = "Basic " + btoa(pair);
  } else if (token !== "" && access !== "public") headers.Authorization = "Bearer " + token;
  const csrf = /(?:^|; )deputize_csrf=([^;]+)/.exec(document.cookie)?.[1];
  if (write && !headers.Authorization && csrf) headers["X-CSRF-Token"] = decodeURIComponent(csrf);
  let body;
  if (sends) {
    headers["Content-Type"] = sends;
    body = form.elements.namedItem("body").value;
  }
  const cut = new AbortController();
  stop.hidden = false;
  stop.onclick = () => cut.abort();
  out.textContent = method + " " + url + "\\n…";
  try {
    const answer = await fetch(url, { method, headers, body, signal: cut.signal, redirect: "error", cache: "no-store",
      credentials: headers.Authorization ? "omit" : "same-origin" });
    const head = answer.status + " " + answer.statusText + " · " + Math.round(new Event("answer").timeStamp - event.timeStamp) + " ms · "
      + (answer.headers.get("content-type") ?? "no body") + "\\n\\n";
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (let part; reader && text.length < LIMIT && !(part = await reader.read()).done; ) {
      text += part.value;
      out.textContent = head + text;
    }
    await reader?.cancel();
    try { text = JSON.stringify(JSON.parse(text), null, 2); } catch {}
    out.textContent = head + text;
  } catch (error) {
    out.textContent += cut.signal.aborted ? "\\nstopped" : "\\nno answer: " + error.message;
  } finally {
    stop.hidden = true;
  }
});`;
