/** What any client throws when no answer came, and what a status says where the server says no more. */
import { DeputizeError, type DeputizeErrorCode } from "@deputize/core/portable";

/** No answer came, or none that can be read. Whether the server acted is unknown. */
export class TransportError extends DeputizeError {
  override readonly name = "TransportError";

  constructor(message: string, cause?: unknown) {
    super("unavailable", message, { cause });
  }
}

const CODE_OF_STATUS: Readonly<Record<number, DeputizeErrorCode>> = {
  401: "unauthenticated",
  403: "forbidden",
  404: "not_found",
  405: "method_not_allowed",
  409: "conflict",
  413: "payload_too_large",
  422: "validation_failed",
  429: "rate_limited",
};

/** The code for a status. */
export function codeOfStatus(status: number): DeputizeErrorCode {
  return CODE_OF_STATUS[status] ?? (status >= 500 ? "unavailable" : "invalid_request");
}
