/** For tests: a process of its own that appends to a log's file, and says each entry that is acknowledged. */
import { auditLog } from "./keyed-log.ts";
import { testEvent } from "./testing.ts";

export interface FileProcessInput {
  readonly file: string;
  readonly secret: string;
  readonly count: number;
}

const { file, secret, count } = JSON.parse(process.env["AUDIT_FILE_PROCESS"] ?? "") as FileProcessInput;
const log = auditLog({ file, secret });
for (let n = 0; n < count; n += 50) {
  const ids = await Promise.all(
    Array.from({ length: Math.min(50, count - n) }, (_, i) =>
      log.append(testEvent({ detail: { n: n + i } })),
    ),
  );
  process.stdout.write(`${ids.join("\n")}\n`);
}
await log.close();
