/**
 * `/docs`: the API for people. One page that reads whole without a script; with one, each route can be tried from it.
 *
 * Guarantees: made from the table of routes alone; everything that comes from a variable is escaped; nothing comes from elsewhere.
 */
import type { Access, RouteDoc } from "@deputize/client";
import { exampleOf, kindOf } from "./example.ts";
import {
  type DocumentInfo,
  type JsonSchema,
  jsonSchemaOf,
  pathParameters,
  queryParameters,
} from "./openapi.ts";
import { SCRIPT, STYLE } from "./style.ts";

export interface PageOptions extends DocumentInfo {
  readonly routes: readonly RouteDoc[];
  /** Paragraphs under the title, as plain text. */
  readonly intro?: readonly string[];
  /** Shell lines that the examples use, and longer examples, each under a sentence. */
  readonly examples?: readonly { readonly sentence: string; readonly shell: string }[];
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (char) => ENTITIES[char] ?? "");
}

function anchor(group: string): string {
  return group.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
}

/** Who may call, for readers. */
const WHO: Readonly<Record<Access, string>> = {
  public: "anyone",
  "signed in": "whoever is signed in",
  "own session": "a person at a session of their own; agents get 403",
  client: "a registered client",
  agent: "a token for exactly this address",
  operator: "an operator's token",
  app: "an app's token",
  worker: "a worker's token",
};

const OWN_GROUP = "This server";
const JSON_TYPE = "application/json";
const FORM_TYPE = "application/x-www-form-urlencoded";

/** The members of a body; of the first variant when there are several. */
function members(schema: JsonSchema): string {
  const variants = schema.oneOf ?? schema.anyOf ?? [schema];
  return variants
    .map(({ properties = {}, required = [] }) => {
      const lines = Object.entries(properties).map(
        ([name, inner]) =>
          `<li><code>${escape(name)}</code> ${escape(kindOf(inner))}${required.includes(name) ? "" : ", optional"}${
            inner.description === undefined ? "" : `: ${escape(inner.description)}`
          }</li>`,
      );
      return lines.length === 0 ? "" : `<ul>${lines.join("")}</ul>`;
    })
    .join("<p>or</p>");
}

function asForm(example: unknown): string {
  const pairs = Object.entries((example ?? {}) as Record<string, unknown>);
  return new URLSearchParams(
    pairs.map(([name, value]): [string, string] => [name, String(value)]),
  ).toString();
}

function field(where: "path" | "query", name: string, required: boolean, hint: string): string {
  return `<label>${escape(name)}${hint === "" ? "" : ` (${escape(hint)})`}<input name="${escape(name)}" data-in="${where}"${
    required ? " required" : ""
  } autocomplete="off" spellcheck="false"></label>`;
}

function tryForm(route: RouteDoc, sent: JsonSchema | undefined): string {
  const sends = route.body ? JSON_TYPE : route.form ? FORM_TYPE : "";
  const example = sent && exampleOf(sent);
  const text = sent === undefined ? "" : route.form ? asForm(example) : JSON.stringify(example, null, 2);
  return `<details data-script hidden><summary>Try it</summary>
<form data-method="${route.method}" data-path="${escape(route.path)}" data-sends="${sends}" data-access="${route.access}">${pathParameters(
    route.path,
  )
    .map((name) => field("path", name, true, ""))
    .join("")}${queryParameters(route)
    .map(({ name, required, schema }) => field("query", name, required, schema.description ?? kindOf(schema)))
    .join("")}${
    sends === ""
      ? ""
      : `<label>body (${sends})<textarea name="body" spellcheck="false">${escape(text)}</textarea></label>`
  }<button>Send</button><button type="button" name="stop" hidden>Stop</button><pre><output aria-live="polite">The answer comes here.</output></pre></form></details>`;
}

function section(route: RouteDoc): string {
  const sent = route.body ?? route.form;
  const schema = sent && jsonSchemaOf(sent, "input");
  const query = queryParameters(route).map(
    ({ name, schema: { description, ...rest } }) => `${name} (${description ?? kindOf(rest)})`,
  );
  return `<article><h3><b>${route.method}</b>${escape(route.path)}</h3>
<p>${escape(route.summary)}</p>
<small>For ${escape(WHO[route.access])}${route.scope === undefined ? "" : ` with <code>${escape(route.scope)}</code>`}.${
    query.length > 0 ? ` Query: ${escape(query.join(", "))}.` : ""
  }</small>${schema ? members(schema) : ""}${
    route.curl === undefined ? "" : `<pre>curl -s ${escape(route.curl)}</pre>`
  }${tryForm(route, schema)}</article>`;
}

/** Where readers put what they hold. The fields are read when a request leaves, and kept nowhere. */
function credentials(routes: readonly RouteDoc[]): string {
  const secret = (key: string, label: string, type: string): string =>
    `<label>${label}<input data-key="${key}" type="${type}" autocomplete="off" spellcheck="false"></label>`;
  const fields = [
    ...(routes.some(({ access }) => access !== "public" && access !== "client")
      ? [secret("token", "Access token", "password")]
      : []),
    ...(routes.some(({ access }) => access === "client")
      ? [secret("client", "Client id", "text"), secret("secret", "Client secret", "password")]
      : []),
  ];
  if (fields.length === 0) return "";
  return `<div class="keys" data-script hidden><p>For trying routes from this page. Stays in these fields until you leave; with no token, the browser's session is used.</p>${fields.join("")}</div>`;
}

/** In the order of the table, with what every server has at the end. */
function groupsOf(routes: readonly RouteDoc[]): string[] {
  const groups = new Set(routes.map((route) => route.group));
  const last = groups.delete(OWN_GROUP) ? [OWN_GROUP] : [];
  return [...groups, ...last];
}

/** The page, as HTML. Its style and script are `STYLE` and `SCRIPT`, to the byte. */
export function docsPage(options: PageOptions): string {
  const { title, version, routes } = options;
  const groups = groupsOf(routes);
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escape(title)}: API</title><style>${STYLE}</style></head><body><main>
<h1>${escape(title)}: API</h1>
<p>Version ${escape(version)}. For machines: <a href="openapi.json">openapi.json</a>.</p>
${(options.intro ?? []).map((text) => `<p>${escape(text)}</p>`).join("\n")}
${(options.examples ?? []).map(({ sentence, shell }) => `<p>${escape(sentence)}</p>\n<pre>${escape(shell)}</pre>`).join("\n")}
${credentials(routes)}
<nav>${groups.map((group) => `<a href="#${anchor(group)}">${escape(group)}</a>`).join(" ")}</nav>
${groups
  .map(
    (group) =>
      `<h2 id="${anchor(group)}">${escape(group)}</h2>\n${routes
        .filter((route) => route.group === group)
        .map(section)
        .join("\n")}`,
  )
  .join("\n")}
</main><script>${SCRIPT}</script></body></html>`;
}
