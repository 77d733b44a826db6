/** Where the person is signed in, and how to end it there. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "../../api/http.ts";
import { devicesQuery } from "../../api/queries.ts";
import type { DeviceSession } from "../../api/types.ts";
import { date } from "../../lib/format.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { DeviceIcon } from "../../ui/icons.tsx";
import { Grow, Page, Row, Stack } from "../../ui/layout.tsx";
import { EmptyState, ErrorState, Loading, Skeleton } from "../../ui/states.tsx";
import { Text } from "../../ui/text.tsx";
import { Ago } from "../../ui/time.tsx";
import { toast } from "../../ui/toast.tsx";
import { deviceName } from "./user-agent.ts";

function DeviceCard({ session }: { session: DeviceSession }) {
  const client = useQueryClient();
  const name = deviceName(session.user_agent);
  const end = useMutation({
    mutationFn: () => api.delete(`/api/sessions/${encodeURIComponent(session.id)}`),
    onSuccess: async () => {
      toast(`Signed out of ${name}`);
      await client.invalidateQueries({ queryKey: devicesQuery.queryKey });
    },
  });
  return (
    <Card aria-label={name}>
      <Stack gap={3}>
        <Row gap={4} wrap>
          <DeviceIcon size={20} />
          <Grow>
            <Row gap={2} wrap>
              <Text as="span" strong>
                {name}
              </Text>
              {session.current && <Badge tone="ok">This device</Badge>}
            </Row>
            <Text as="div" size="sm" tone="soft">
              Used <Ago time={session.last_used} /> · signed in {date(session.created)}
            </Text>
          </Grow>
          {!session.current && (
            <Button
              size="small"
              busy={end.isPending}
              onClick={() => end.mutate()}
              aria-label={`Sign out of ${name}`}
            >
              Sign out
            </Button>
          )}
        </Row>
        {end.isError && <ErrorState error={end.error} title="That device is still signed in" />}
      </Stack>
    </Card>
  );
}

export function DevicesScreen() {
  const query = useQuery(devicesQuery);
  const sessions = (query.data?.sessions ?? []).toSorted(
    (a, b) => Number(b.current) - Number(a.current) || b.last_used.localeCompare(a.last_used),
  );
  return (
    <Page
      title="Signed-in devices"
      lead="Signing out of one ends every token and agent that hangs from it, at once."
      narrow
    >
      {query.isPending && (
        <Loading label="Loading devices">
          <Stack gap={3}>
            <Skeleton height={84} radius={16} />
            <Skeleton height={84} radius={16} />
          </Stack>
        </Loading>
      )}
      {query.isError && (
        <ErrorState
          error={query.error}
          title="Your devices could not be loaded"
          retry={() => void query.refetch()}
        />
      )}
      {query.isSuccess && sessions.length === 0 && (
        <EmptyState icon={<DeviceIcon size={20} />} title="No device is signed in" />
      )}
      <Stack gap={3}>
        {sessions.map((session) => (
          <DeviceCard key={session.id} session={session} />
        ))}
      </Stack>
    </Page>
  );
}
