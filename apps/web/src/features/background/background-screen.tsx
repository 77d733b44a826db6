/** What agents may do and are doing while the person is away: mandates, and the work under them, each with its Stop. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { api } from "../../api/http.ts";
import { backgroundQuery, mandatesQuery } from "../../api/queries.ts";
import type { BackgroundRun, Mandate } from "../../api/types.ts";
import { dateTime, scopeWords, words } from "../../lib/format.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { Card, Facts } from "../../ui/card.tsx";
import { MoonIcon } from "../../ui/icons.tsx";
import { Page, Row, Stack } from "../../ui/layout.tsx";
import { EmptyState, ErrorState, Loading, Skeleton } from "../../ui/states.tsx";
import { Heading, Text } from "../../ui/text.tsx";
import { toast } from "../../ui/toast.tsx";
import { isUnderWay, runTone, runWords } from "./run-words.ts";

function useStop(path: string, said: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => api.post(path, {}),
    onSuccess: async () => {
      toast(said);
      await Promise.all(
        [mandatesQuery, backgroundQuery].map(({ queryKey }) => client.invalidateQueries({ queryKey })),
      );
    },
  });
}

function StopButton({ path, said, label }: { path: string; said: string; label: string }) {
  const stop = useStop(path, said);
  return (
    <>
      <Row>
        <Button size="small" busy={stop.isPending} onClick={() => stop.mutate()} aria-label={label}>
          Stop
        </Button>
      </Row>
      {stop.isError && <ErrorState error={stop.error} title="It was not stopped" />}
    </>
  );
}

function RunCard({ run }: { run: BackgroundRun }) {
  return (
    <Card
      look={run.status === "waiting" ? "attention" : undefined}
      aria-label={`Work of ${dateTime(run.created)}: ${run.message}`}
    >
      <Stack gap={3}>
        <Row justify="between" wrap>
          <Heading level={3} dir="auto">
            {run.message}
          </Heading>
          <Badge tone={runTone(run.status)}>{runWords(run)}</Badge>
        </Row>
        <Facts
          items={[
            ["Agent", words(run.agent)],
            ["Asked", dateTime(run.created)],
            ...(run.next === undefined ? [] : ([["Next", dateTime(run.next)]] as [string, ReactNode][])),
          ]}
        />
        {run.status === "waiting" && <Link to="/approvals">It waits for your decision</Link>}
        {isUnderWay(run) && (
          <StopButton
            path={`/api/background/${encodeURIComponent(run.id)}/stop`}
            said="The work was stopped"
            label={`Stop: ${run.message}`}
          />
        )}
      </Stack>
    </Card>
  );
}

function MandateCard({ mandate }: { mandate: Mandate }) {
  const active = mandate.status === "active";
  return (
    <Card aria-label={`Mandate: ${mandate.purpose}`}>
      <Stack gap={3}>
        <Row justify="between" wrap>
          <Heading level={3} dir="auto">
            {mandate.purpose}
          </Heading>
          <Badge tone={active ? "ok" : "plain"}>
            {active ? "Active" : mandate.status === "ended" ? "Stopped" : "Ended"}
          </Badge>
        </Row>
        <Facts
          items={[
            ["Agent", words(mandate.agent.name)],
            ["May use", mandate.tools.map((tool) => words(tool.split("/").at(-1) ?? tool)).join(", ")],
            ["May", mandate.scopes.map(scopeWords).join(", ")],
            [active ? "Until" : "Ended", dateTime(mandate.ended ?? mandate.expires)],
          ]}
        />
        {active && (
          <StopButton
            path={`/api/mandates/${encodeURIComponent(mandate.id)}/stop`}
            said="The agent may do this no longer"
            label={`Stop: ${mandate.purpose}`}
          />
        )}
      </Stack>
    </Card>
  );
}

export function BackgroundScreen() {
  const runs = useQuery(backgroundQuery);
  const mandates = useQuery(mandatesQuery);
  const failed = [runs, mandates].find((query) => query.isError);
  const nothing = runs.data?.runs.length === 0 && mandates.data?.mandates.length === 0;
  return (
    <Page
      title="While you are away"
      lead="What you let agents do without you, and what they are doing. Stop ends it at once."
      narrow
    >
      {(runs.isPending || mandates.isPending) && (
        <Loading label="Loading what agents may do">
          <Stack gap={3}>
            <Skeleton height={140} radius={16} />
            <Skeleton height={140} radius={16} />
          </Stack>
        </Loading>
      )}
      {failed && (
        <ErrorState
          error={failed.error}
          title="This could not be loaded"
          retry={() => void failed.refetch()}
        />
      )}
      {nothing && (
        <EmptyState icon={<MoonIcon size={20} />} title="No agent works while you are away">
          None may either, until you let one.
        </EmptyState>
      )}
      <Stack gap={6}>
        {(runs.data?.runs.length ?? 0) > 0 && (
          <Stack gap={3}>
            <Heading level={2}>Work</Heading>
            {runs.data?.runs.map((run) => (
              <RunCard key={run.id} run={run} />
            ))}
          </Stack>
        )}
        {(mandates.data?.mandates.length ?? 0) > 0 && (
          <Stack gap={3}>
            <Heading level={2}>Mandates</Heading>
            <Text as="div" size="sm" tone="soft">
              Signing out leaves them. Each names the only tools that its agent may use.
            </Text>
            {mandates.data?.mandates.map((mandate) => (
              <MandateCard key={mandate.id} mandate={mandate} />
            ))}
          </Stack>
        )}
      </Stack>
    </Page>
  );
}
