/** What the agents remember of the person, for them to correct and remove. */
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../../api/http.ts";
import { memoriesQuery, usageQuery } from "../../api/queries.ts";
import type { Memory } from "../../api/types.ts";
import { date } from "../../lib/format.ts";
import { Button } from "../../ui/button.tsx";
import { Card, Facts } from "../../ui/card.tsx";
import { ChatIcon } from "../../ui/icons.tsx";
import { Textarea } from "../../ui/input.tsx";
import { Page, Row, Stack } from "../../ui/layout.tsx";
import { EmptyState, ErrorState, Loading, Skeleton } from "../../ui/states.tsx";
import { Text } from "../../ui/text.tsx";
import { toast } from "../../ui/toast.tsx";

const CHARACTERS_MAX = 4_000;

function MemoryCard({ memory }: { memory: Memory }) {
  const client = useQueryClient();
  const [draft, setDraft] = useState<string | undefined>();
  const path = `/api/memories/${encodeURIComponent(memory.id)}`;
  const settled = async (said: string) => {
    toast(said);
    await client.invalidateQueries({ queryKey: memoriesQuery.queryKey });
  };
  const correct = useMutation({
    mutationFn: (text: string) => api.patch<Memory>(path, { text }),
    onSuccess: async () => {
      setDraft(undefined);
      await settled("Corrected");
    },
  });
  const remove = useMutation({
    mutationFn: () => api.delete(path),
    onSuccess: () => settled("Removed"),
  });
  const failed = correct.error ?? remove.error;
  return (
    <Card aria-label={`Memory: ${memory.text.slice(0, 60)}`}>
      <Stack gap={3}>
        {draft === undefined ? (
          <Text as="p">{memory.text}</Text>
        ) : (
          <Textarea
            label="Text"
            rows={3}
            maxLength={CHARACTERS_MAX}
            value={draft}
            onChange={(event) => setDraft(event.target.value)}
          />
        )}
        <Text as="div" size="sm" tone="soft">
          {memory.act === "explicit" ? "You asked to have it remembered" : "Left by a conversation"} ·{" "}
          {date(memory.created)}
        </Text>
        <Row gap={2} wrap>
          {draft === undefined ? (
            <Button size="small" onClick={() => setDraft(memory.text)}>
              Correct
            </Button>
          ) : (
            <>
              <Button
                size="small"
                variant="primary"
                busy={correct.isPending}
                disabled={draft.trim() === ""}
                onClick={() => correct.mutate(draft)}
              >
                Save
              </Button>
              <Button size="small" onClick={() => setDraft(undefined)}>
                Leave it
              </Button>
            </>
          )}
          <Button size="small" busy={remove.isPending} onClick={() => remove.mutate()}>
            Remove
          </Button>
        </Row>
        {failed && <ErrorState error={failed} title="Nothing was changed" />}
      </Stack>
    </Card>
  );
}

const dollars = (micros: number): string => `$${(micros / 1_000_000).toFixed(2)}`;

/** What the agents used for the person in the last thirty days. */
function UsageCard() {
  const { data } = useQuery(usageQuery);
  if (!data) return null;
  const { turns, tokens_in, tokens_out, cost_micros, unpriced } = data.total;
  return (
    <Card aria-label="What your agents used">
      <Stack gap={3}>
        <Text as="div" strong>
          What your agents used in {data.days} days
        </Text>
        <Facts
          items={[
            ["Turns", turns.toLocaleString("en-US")],
            ["Tokens in", tokens_in.toLocaleString("en-US")],
            ["Tokens out", tokens_out.toLocaleString("en-US")],
            [
              "Cost",
              unpriced > 0
                ? `${dollars(cost_micros)}, and ${unpriced} calls without a price`
                : dollars(cost_micros),
            ],
          ]}
        />
      </Stack>
    </Card>
  );
}

export function MemoryScreen() {
  const query = useInfiniteQuery(memoriesQuery);
  const memories = query.data?.pages.flatMap((page) => page.memories) ?? [];
  return (
    <Page
      title="What is remembered"
      lead="The agents know this of you in every conversation, and of nobody else. Say “remember that …” in the chat to add to it."
      narrow
    >
      <Stack gap={3}>
        {query.isPending && (
          <Loading label="Loading memories">
            <Stack gap={3}>
              <Skeleton height={110} radius={16} />
              <Skeleton height={110} radius={16} />
            </Stack>
          </Loading>
        )}
        {query.isError && (
          <ErrorState
            error={query.error}
            title="Your memories could not be loaded"
            retry={() => void query.refetch()}
          />
        )}
        {query.isSuccess && memories.length === 0 && (
          <EmptyState icon={<ChatIcon size={20} />} title="Nothing is remembered of you" />
        )}
        {memories.map((memory) => (
          <MemoryCard key={memory.id} memory={memory} />
        ))}
        {query.hasNextPage && (
          <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            Show more
          </Button>
        )}
        <UsageCard />
      </Stack>
    </Page>
  );
}
