/** Sorts conversations under today, this week and older, newest first, by the person's own calendar. */
import type { ConversationSummary } from "../../api/types.ts";

export type GroupName = "Today" | "This week" | "Older";

export interface ConversationGroup {
  name: GroupName;
  conversations: ConversationSummary[];
}

const DAY_MS = 86_400_000;

export function groupConversations(list: readonly ConversationSummary[], now: number): ConversationGroup[] {
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  const groups: Record<GroupName, ConversationSummary[]> = { Today: [], "This week": [], Older: [] };
  const sorted = list.toSorted((a, b) => b.last_message.localeCompare(a.last_message));
  for (const conversation of sorted) {
    const time = Date.parse(conversation.last_message);
    const name: GroupName =
      time >= midnight ? "Today" : time >= midnight - 6 * DAY_MS ? "This week" : "Older";
    groups[name].push(conversation);
  }
  return (Object.keys(groups) as GroupName[])
    .map((name) => ({ name, conversations: groups[name] }))
    .filter((group) => group.conversations.length > 0);
}
