/** Whether a case still opens anything. */
import type { Case } from "../../api/types.ts";
import { now } from "../../lib/clock.ts";
import { timeLeft } from "../../lib/format.ts";

export const isOpen = (item: Case): boolean =>
  item.closed === undefined && !timeLeft(item.expires, now()).over;
