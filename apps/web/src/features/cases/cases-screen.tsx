/** Cases of the person: open, closed, and the way to open one. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { casesQuery } from "../../api/queries.ts";
import type { Case } from "../../api/types.ts";
import { dateTime } from "../../lib/format.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { Card, Facts } from "../../ui/card.tsx";
import { BriefcaseIcon, PlusIcon } from "../../ui/icons.tsx";
import { Page, Row, Stack } from "../../ui/layout.tsx";
import { EmptyState, ErrorState, Loading, Skeleton } from "../../ui/states.tsx";
import { Heading, Text } from "../../ui/text.tsx";
import { Countdown } from "../../ui/time.tsx";
import { mayOpenCases, useUser } from "../auth/session.ts";
import { useCloseCase } from "./case-banner.tsx";
import { CaseDialog } from "./case-form.tsx";
import styles from "./cases.module.css";
import { isOpen } from "./open-case.ts";

function CaseRow({ item }: { item: Case }) {
  const close = useCloseCase();
  const open = isOpen(item);
  return (
    <Card look={open ? "attention" : undefined} aria-label={`Case: ${item.purpose}`}>
      <Stack gap={3}>
        <Row justify="between" wrap>
          <Heading level={2} className={styles["sentence"]} dir="auto">
            {item.subject.name}
          </Heading>
          <Badge tone={open ? "warn" : "plain"}>
            {open ? "Open" : item.closed === undefined ? "Ended" : "Closed"}
          </Badge>
        </Row>
        <Text dir="auto">“{item.purpose}”</Text>
        <Facts
          items={[
            ["E-mail", item.subject.email],
            ["May see", item.resources.join(", ")],
            ["Opened", dateTime(item.opened)],
            [
              open ? "Ends" : "Ended",
              open ? (
                <Countdown key="ends" expires={item.expires} prefix="in" over="now" />
              ) : (
                dateTime(item.closed ?? item.expires)
              ),
            ],
          ]}
        />
        {open && (
          <Row>
            <Button size="small" busy={close.isPending} onClick={() => close.mutate(item.id)}>
              Close the case
            </Button>
          </Row>
        )}
      </Stack>
    </Card>
  );
}

export function CasesScreen() {
  const user = useUser();
  const [opening, setOpening] = useState(false);
  const query = useQuery({ ...casesQuery, enabled: mayOpenCases(user) });
  if (!mayOpenCases(user)) {
    return (
      <Page title="Cases" narrow>
        <EmptyState icon={<BriefcaseIcon size={20} />} title="Cases are for staff">
          You see your own data without one. Nobody sees it otherwise.
        </EmptyState>
      </Page>
    );
  }
  const cases = (query.data?.cases ?? []).toSorted(
    (a, b) => Number(isOpen(b)) - Number(isOpen(a)) || b.opened.localeCompare(a.opened),
  );
  return (
    <Page
      title="Cases"
      lead="A case opens one person's data to you, for one purpose and a short time."
      narrow
      actions={
        cases.length > 0 && (
          <Button variant="primary" onClick={() => setOpening(true)}>
            <PlusIcon /> Open a case
          </Button>
        )
      }
    >
      {query.isPending && (
        <Loading label="Loading cases">
          <Stack gap={3}>
            <Skeleton height={200} radius={16} />
            <Skeleton height={200} radius={16} />
          </Stack>
        </Loading>
      )}
      {query.isError && (
        <ErrorState
          error={query.error}
          title="Your cases could not be loaded"
          retry={() => void query.refetch()}
        />
      )}
      {query.isSuccess && cases.length === 0 && (
        <EmptyState
          icon={<BriefcaseIcon size={20} />}
          title="No case yet"
          action={
            <Button variant="primary" onClick={() => setOpening(true)}>
              Open a case
            </Button>
          }
        >
          Without one you see nobody's data but your own, and neither does any agent that acts for you.
        </EmptyState>
      )}
      <div className={styles["list"]}>
        {cases.map((item) => (
          <CaseRow key={item.id} item={item} />
        ))}
      </div>
      <CaseDialog open={opening} onClose={() => setOpening(false)} onOpened={() => setOpening(false)} />
    </Page>
  );
}
