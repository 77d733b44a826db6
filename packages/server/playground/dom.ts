/** Elements from plain values. Text is only ever text: nothing that a server sends becomes markup. */
type Child = Node | string | number | null | undefined | false | readonly Child[];
type Attributes = Readonly<Record<string, unknown>>;

function append(to: Node, children: readonly Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(to, child);
    else to.appendChild(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/** An element; `on…` attributes are listeners, `true` is an attribute without a value, `false` and undefined are none. */
export function el<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false || value === null) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value as EventListener);
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

/** Puts `children` in the place of what is in `parent`. */
export function fill(parent: Element, ...children: Child[]): void {
  const fragment = document.createDocumentFragment();
  append(fragment, children);
  parent.replaceChildren(fragment);
}

/** Any value as text for a reader. */
export function asText(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "");
}

/** `work`, with its trouble shown in `place`. */
export async function told(place: Element, work: () => Promise<void>): Promise<void> {
  fill(place);
  try {
    await work();
  } catch (error) {
    fill(place, trouble(error));
  }
}

/** What went wrong, in the server's words, with what an operator needs to find it. */
export function trouble(error: unknown): HTMLElement {
  const { message, errorCode, requestId } = error as {
    message?: string;
    errorCode?: string;
    requestId?: string;
  };
  return el(
    "p",
    { class: "trouble", role: "alert" },
    message ?? "something went wrong",
    errorCode ? el("code", {}, errorCode) : null,
    requestId ? el("small", {}, `request ${requestId}`) : null,
  );
}
