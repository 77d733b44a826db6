/** What agents may do and are doing while the person is away: mandates, and the work under them, each with its Stop. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { api } from "../../api/http.ts";
import { backgroundQuery, mandatesQuery, offersQuery, saidQuery } from "../../api/queries.ts";
import type { BackgroundOffer, BackgroundRun, Mandate } from "../../api/types.ts";
import { dateTime, scopeWords, words } from "../../lib/format.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { Card, Facts } from "../../ui/card.tsx";
import { Disclosure } from "../../ui/disclosure.tsx";
import { MoonIcon } from "../../ui/icons.tsx";
import { Page, Row, Stack } from "../../ui/layout.tsx";
import { ConfirmDialog } from "../../ui/overlay.tsx";
import { EmptyState, ErrorState, Loading, Skeleton } from "../../ui/states.tsx";
import { Heading, Text } from "../../ui/text.tsx";
import { toast } from "../../ui/toast.tsx";
import { MandateDialog } from "./mandate-form.tsx";
import { boundWords, toolWords } from "./mandate-words.ts";
import { isUnderWay, runTone, runWords } from "./run-words.ts";
import { WorkDialog } from "./work-form.tsx";

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

interface StopProps {
  path: string;
  said: string;
  label: string;
  /** What the person reads before it is done. */
  means: string;
}

function StopButton({ path, said, label, means }: StopProps) {
  const stop = useStop(path, said);
  const [asking, setAsking] = useState(false);
  return (
    <>
      <Button size="small" busy={stop.isPending} onClick={() => setAsking(true)} aria-label={label}>
        Stop
      </Button>
      <ConfirmDialog
        open={asking}
        onClose={() => setAsking(false)}
        onConfirm={() => {
          setAsking(false);
          stop.mutate();
        }}
        title="Stop it for good?"
        description={means}
        confirm="Stop it"
      />
      {stop.isError && <ErrorState error={stop.error} title="It was not stopped" />}
    </>
  );
}

/** Parked work goes on under another mandate of the same agent. */
function GiveMandate({ run, mandates }: { run: BackgroundRun; mandates: readonly Mandate[] }) {
  const client = useQueryClient();
  const fitting = mandates.filter(({ agent, status }) => status === "active" && agent.name === run.agent);
  const give = useMutation({
    mutationFn: (id: string) =>
      api.post(`/api/background/${encodeURIComponent(run.id)}/mandate`, { mandate_id: id }),
    onSuccess: async () => {
      toast("The work goes on");
      await client.invalidateQueries({ queryKey: backgroundQuery.queryKey });
    },
  });
  if (fitting.length === 0)
    return (
      <Text size="sm" tone="soft">
        Nothing is done. Let the agent do it again, and it goes on from here.
      </Text>
    );
  return (
    <Stack gap={2}>
      <Row gap={2} wrap>
        {fitting.map(({ id, purpose }) => (
          <Button key={id} size="small" busy={give.isPending} onClick={() => give.mutate(id)}>
            Go on under “{purpose}”
          </Button>
        ))}
      </Row>
      {give.isError && <ErrorState error={give.error} title="The work did not go on" />}
    </Stack>
  );
}

/** What was said, loaded once it is opened. */
function Said({ id }: { id: string }) {
  const [open, setOpen] = useState(false);
  const { data, error, refetch } = useQuery({ ...saidQuery(id), enabled: open });
  return (
    <Disclosure summary="What was said" onOpen={() => setOpen(true)}>
      {error && <ErrorState error={error} title="This could not be loaded" retry={() => void refetch()} />}
      <Stack gap={3}>
        {data?.messages.map((message, index) => (
          <div key={index}>
            <Text as="div" size="xs" tone="soft">
              {message.role === "user" ? "You" : "The agent"}
            </Text>
            <Text as="div" dir="auto">
              {message.content}
            </Text>
          </div>
        ))}
      </Stack>
    </Disclosure>
  );
}

function RunCard({ run, mandates }: { run: BackgroundRun; mandates: readonly Mandate[] }) {
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
        {run.status === "parked" && <GiveMandate run={run} mandates={mandates} />}
        {(run.status === "done" || run.status === "failed") && <Said id={run.id} />}
        {isUnderWay(run) && (
          <Row>
            <StopButton
              means="It is not done. What was done already stays done."
              path={`/api/background/${encodeURIComponent(run.id)}/stop`}
              said="The work was stopped"
              label={`Stop: ${run.message}`}
            />
          </Row>
        )}
      </Stack>
    </Card>
  );
}

function MandateCard({
  mandate,
  offers,
  onWork,
}: {
  mandate: Mandate;
  offers: readonly BackgroundOffer[];
  onWork: () => void;
}) {
  const active = mandate.status === "active";
  const bound = boundWords(mandate);
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
            ["May use", mandate.tools.map((tool) => toolWords(tool, offers)).join(", ")],
            ...(bound === undefined ? [] : ([["With", bound]] as [string, ReactNode][])),
            ["May", mandate.scopes.map(scopeWords).join(", ")],
            [active ? "Until" : "Ended", dateTime(mandate.ended ?? mandate.expires)],
          ]}
        />
        {active && (
          <Row gap={2} wrap>
            <Button size="small" onClick={onWork} aria-label={`Give it something to do: ${mandate.purpose}`}>
              Give it something to do
            </Button>
            <StopButton
              means="The agent may do nothing of this any more, and what it is doing under it is parked."
              path={`/api/mandates/${encodeURIComponent(mandate.id)}/stop`}
              said="The agent may do this no longer"
              label={`Stop: ${mandate.purpose}`}
            />
          </Row>
        )}
      </Stack>
    </Card>
  );
}

export function BackgroundScreen() {
  const runs = useQuery(backgroundQuery);
  const mandates = useQuery(mandatesQuery);
  const { data: { offers } = { offers: [] } } = useQuery(offersQuery);
  const [making, setMaking] = useState(false);
  const [working, setWorking] = useState<Mandate>();
  const failed = [runs, mandates].find((query) => query.isError);
  const nothing = runs.data?.runs.length === 0 && mandates.data?.mandates.length === 0;
  return (
    <Page
      title="While you are away"
      lead="What you let agents do without you, and what they are doing. Stop ends it at once."
      narrow
      actions={
        <Button variant="primary" onClick={() => setMaking(true)}>
          Let an agent work
        </Button>
      }
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
              <RunCard key={run.id} run={run} mandates={mandates.data?.mandates ?? []} />
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
              <MandateCard
                key={mandate.id}
                mandate={mandate}
                offers={offers}
                onWork={() => setWorking(mandate)}
              />
            ))}
          </Stack>
        )}
      </Stack>
      <MandateDialog
        open={making}
        onClose={() => setMaking(false)}
        onMade={(made) => {
          setMaking(false);
          toast("The agent may do this now");
          setWorking(made);
        }}
      />
      <WorkDialog
        mandate={working}
        onClose={() => setWorking(undefined)}
        onBegun={() => {
          setWorking(undefined);
          toast("The agent is at work");
        }}
      />
    </Page>
  );
}
