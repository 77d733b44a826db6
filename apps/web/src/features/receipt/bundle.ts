/** A receipt as a file that anybody can check without the shop: `deputize audit prove` and `@deputize/audit/verify` read it. */
import type { Receipt } from "@deputize/audit/verify";

export interface ReceiptBundle {
  readonly format: "deputize-receipt/1";
  readonly receipt: Receipt;
  readonly how_to_check: string;
}

/** The text to share: complete, and stable for one receipt. */
export function bundleText(receipt: Receipt): string {
  const bundle: ReceiptBundle = {
    format: "deputize-receipt/1",
    receipt,
    how_to_check:
      "Save this as receipt.json and pass .receipt to verifyReceipt of @deputize/audit/verify, with the log's public key as you know it from elsewhere. No network is needed.",
  };
  return `${JSON.stringify(bundle, null, 2)}\n`;
}
