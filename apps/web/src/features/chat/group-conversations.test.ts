import { describe, expect, it } from "vitest";
import { groupConversations } from "./group-conversations.ts";

const NOW = new Date(2026, 10, 22, 12).getTime();
const at = (hours: number) => new Date(NOW - hours * 3_600_000).toISOString();

describe("conversations", () => {
  it("are grouped by day and newest first", () => {
    const list = [
      { id: "old", title: "o", last_message: at(24 * 30) },
      { id: "yesterday", title: "y", last_message: at(13) },
      { id: "now", title: "n", last_message: at(0) },
      { id: "morning", title: "m", last_message: at(11) },
    ];
    expect(
      groupConversations(list, NOW).map((group) => [group.name, group.conversations.map((item) => item.id)]),
    ).toEqual([
      ["Today", ["now", "morning"]],
      ["This week", ["yesterday"]],
      ["Older", ["old"]],
    ]);
  });

  it("leave no empty group", () => {
    expect(groupConversations([], NOW)).toEqual([]);
  });
});
