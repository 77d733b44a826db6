/** The card by which an answer offers to open a case. The offer does nothing; the person's press does. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { casesQuery } from "../../api/queries.ts";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { deferred } from "../../ui/deferred.tsx";
import { BriefcaseIcon } from "../../ui/icons.tsx";
import { Row, Stack } from "../../ui/layout.tsx";
import { Heading, Text } from "../../ui/text.tsx";
import { mayOpenCases, useUser } from "../auth/session.ts";
import type { CaseDialogProps } from "./case-form.tsx";
import { isOpen } from "./open-case.ts";

const CaseDialog = deferred<CaseDialogProps>(() => import("./case-form.tsx").then((m) => m.CaseDialog));

export function CaseOffer({
  email,
  resources,
  onOpened,
}: {
  email?: string;
  resources: readonly string[];
  onOpened: () => void;
}) {
  const user = useUser();
  const [asking, setAsking] = useState(false);
  const cases = useQuery({ ...casesQuery, enabled: mayOpenCases(user) });
  const already = (cases.data?.cases ?? []).find(
    (item) => isOpen(item) && (email === undefined || item.subject.email === email),
  );
  if (!mayOpenCases(user)) return null;
  return (
    <Card data-testid="case-offer" aria-label="A case is needed">
      <Stack gap={3}>
        <Row gap={2}>
          <BriefcaseIcon />
          <Heading level={2}>{already === undefined ? "This needs an open case" : "A case is open"}</Heading>
        </Row>
        <Text tone="soft">
          {already === undefined
            ? `${email === undefined ? "Other people's data" : `The data of ${email}`} stays closed, for you and for every agent, until you state a purpose.`
            : `You may see the ${already.resources.join(" and ")} of ${already.subject.name} now.`}
        </Text>
        <Row>
          {already === undefined ? (
            <Button variant="primary" onClick={() => setAsking(true)}>
              Open a case
            </Button>
          ) : (
            <Button variant="primary" onClick={onOpened}>
              Ask again
            </Button>
          )}
        </Row>
      </Stack>
      {asking && (
        <CaseDialog
          fallback={null}
          open
          onClose={() => setAsking(false)}
          onOpened={() => setAsking(false)}
          {...(email !== undefined && { email })}
          resources={resources}
        />
      )}
    </Card>
  );
}
