/** The address of a server, as its clients are given it. */
import { DeputizeError } from "@deputize/core/portable";

/** The address without slashes at its end. Throws `config_invalid` unless it is http(s) and holds no secret, query or fragment. */
export function parseBaseUrl(text: string, name: string): { readonly base: string; readonly host: string } {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw new DeputizeError(
      "config_invalid",
      `\`${name}\` is the server's http(s) address and nothing else, such as http://127.0.0.1:8080`,
    );
  }
  return { base: text.replace(/\/+$/, ""), host: url.host };
}
