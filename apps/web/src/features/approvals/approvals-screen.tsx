/** All that waited, or waits, for the person's yes. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, getRouteApi } from "@tanstack/react-router";
import { approvalsQuery, conversationsQuery } from "../../api/queries.ts";
import { now } from "../../lib/clock.ts";
import { timeLeft } from "../../lib/format.ts";
import { Button } from "../../ui/button.tsx";
import { ShieldIcon } from "../../ui/icons.tsx";
import { Page, Row, Stack } from "../../ui/layout.tsx";
import { EmptyState, ErrorState, Loading, Skeleton } from "../../ui/states.tsx";
import { EXACT, Tab, Tabs } from "../../ui/tabs.tsx";
import { LinkText } from "../../ui/text.tsx";
import { ApprovalCard } from "./approval-card.tsx";
import { effectiveStatus } from "./approval-words.ts";

const route = getRouteApi("/shell/approvals");

export function ApprovalsScreen() {
  const { view } = route.useSearch();
  const query = useQuery(approvalsQuery);
  const conversations = useInfiniteQuery(conversationsQuery);
  const known = new Set(
    conversations.data?.pages.flatMap((page) => page.conversations.map((item) => item.id)),
  );
  const decided = view === "decided";
  const time = now();
  const shown = (query.data?.approvals ?? [])
    .filter((item) => (effectiveStatus(item, timeLeft(item.expires, time).over) === "pending") !== decided)
    .toSorted((a, b) => b.created.localeCompare(a.created));
  return (
    <Page
      title="Approvals"
      lead="What agents may do only after your yes. Each is for one exact action, and used once."
      narrow
    >
      <Tabs label="Approvals by state">
        <Tab current={!decided}>
          <Link to="/approvals" activeOptions={EXACT} search={{}}>
            Waiting
          </Link>
        </Tab>
        <Tab current={decided}>
          <Link to="/approvals" activeOptions={EXACT} search={{ view: "decided" }}>
            Decided
          </Link>
        </Tab>
      </Tabs>
      {query.isPending && (
        <Loading label="Loading approvals">
          <Stack gap={4}>
            <Skeleton height={248} radius={16} />
            <Skeleton height={248} radius={16} />
          </Stack>
        </Loading>
      )}
      {query.isError && (
        <ErrorState
          error={query.error}
          title="Your approvals could not be loaded"
          retry={() => void query.refetch()}
        />
      )}
      {query.isSuccess && shown.length === 0 && (
        <EmptyState
          icon={<ShieldIcon size={20} />}
          title={decided ? "Nothing decided yet" : "Nothing waits for you"}
          action={
            <Button asChild variant={decided ? "secondary" : "primary"}>
              <Link to="/chat/{-$conversationId}">Go to the chat</Link>
            </Button>
          }
        >
          {decided
            ? "What you approve or refuse is listed here, with its outcome."
            : "When an agent wants to change something that matters, it asks here and in the chat."}
        </EmptyState>
      )}
      {shown.map((approval) => (
        <Stack key={approval.id} gap={2}>
          <ApprovalCard approval={approval} />
          {approval.conversation_id !== undefined && known.has(approval.conversation_id) && (
            <Row justify="end">
              <LinkText>
                <Link to="/chat/{-$conversationId}" params={{ conversationId: approval.conversation_id }}>
                  Open the conversation
                </Link>
              </LinkText>
            </Row>
          )}
        </Stack>
      ))}
    </Page>
  );
}
