/**
 * Makes a mandate: a person's own press, after they have read what it lets an agent do. No chat, link or tool can do it, because only
 * this form sends the request, and the server takes it only from a person's own session [SR-14].
 */
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api } from "../../api/http.ts";
import { mandatesQuery, offersQuery, ordersQuery } from "../../api/queries.ts";
import type { BackgroundOffer, Mandate } from "../../api/types.ts";
import { now } from "../../lib/clock.ts";
import { dateTime, words } from "../../lib/format.ts";
import { Button } from "../../ui/button.tsx";
import { Facts } from "../../ui/card.tsx";
import { Checkboxes, Select, Textarea } from "../../ui/input.tsx";
import { Row, Stack } from "../../ui/layout.tsx";
import { Dialog } from "../../ui/overlay.tsx";
import { EmptyState, ErrorState, Loading, Skeleton } from "../../ui/states.tsx";
import { Text } from "../../ui/text.tsx";
import { MoonIcon } from "../../ui/icons.tsx";
import { type MandateDraft, endOf, mandateBody, toolWords } from "./mandate-words.ts";

const LASTS = [
  { value: "1", label: "For a day" },
  { value: "7", label: "For a week" },
  { value: "30", label: "For 30 days" },
  { value: "90", label: "For 90 days, the longest" },
];
/** Orders about which something can still be done. */
const OPEN = new Set(["placed", "confirmed", "shipped", "out_for_delivery"]);

export interface MandateDialogProps {
  open: boolean;
  onClose: () => void;
  onMade: (mandate: Mandate) => void;
}

export function MandateDialog(props: MandateDialogProps) {
  const offers = useQuery({ ...offersQuery, enabled: props.open });
  return (
    <Dialog
      open={props.open}
      onClose={props.onClose}
      title="Let an agent work for you"
      description="It may do what you choose here until the day you choose, also after you sign out, and nothing else. You can stop it at any time."
      testId="mandate-dialog"
    >
      {offers.isPending && (
        <Loading label="Loading what agents can do">
          <Skeleton height={220} radius={12} />
        </Loading>
      )}
      {offers.isError && (
        <ErrorState
          error={offers.error}
          title="What agents can do could not be loaded"
          retry={() => void offers.refetch()}
        />
      )}
      {offers.data?.offers.length === 0 && (
        <EmptyState icon={<MoonIcon size={20} />} title="No agent works in the background here" />
      )}
      {offers.data !== undefined && offers.data.offers.length > 0 && (
        <MandateForm offers={offers.data.offers} onMade={props.onMade} />
      )}
    </Dialog>
  );
}

function MandateForm({
  offers,
  onMade,
}: {
  offers: readonly BackgroundOffer[];
  onMade: (mandate: Mandate) => void;
}) {
  const client = useQueryClient();
  const [agent, setAgent] = useState(offers[0]?.agent ?? "");
  const offer = offers.find((one) => one.agent === agent) ?? offers[0];
  const [tools, setTools] = useState<string[]>([]);
  const [orders, setOrders] = useState<string[]>([]);
  const [purpose, setPurpose] = useState("");
  const [days, setDays] = useState("7");
  const [reading, setReading] = useState(false);
  const [missing, setMissing] = useState(false);
  const known = useInfiniteQuery(ordersQuery(undefined));
  const own = (known.data?.pages.flatMap((page) => page.orders) ?? []).filter(({ status }) =>
    OPEN.has(status),
  );
  const make = useMutation({
    mutationFn: (draft: MandateDraft) => api.post<Mandate>("/api/mandates", mandateBody(draft, now())),
    onSuccess: async (made) => {
      await client.invalidateQueries({ queryKey: mandatesQuery.queryKey });
      onMade(made);
    },
  });
  if (offer === undefined) return null;
  const bindable = offer.tools.some(({ name, bounds }) => tools.includes(name) && bounds.length > 0);
  const draft: MandateDraft = {
    offer,
    tools,
    orders: bindable ? own.filter(({ id }) => orders.includes(id)) : [],
    purpose,
    days: Number(days),
  };

  if (reading)
    return (
      <Confirmation
        draft={draft}
        busy={make.isPending}
        error={make.error}
        onBack={() => setReading(false)}
        onYes={() => make.mutate(draft)}
      />
    );

  const submit = (event: FormEvent) => {
    event.preventDefault();
    setMissing(tools.length === 0);
    if (tools.length > 0) {
      make.reset();
      setReading(true);
    }
  };
  return (
    <form onSubmit={submit}>
      <Stack gap={4}>
        <Select
          label="Which agent"
          value={offer.agent}
          options={offers.map((one) => ({ value: one.agent, label: words(one.name) }))}
          onChange={(event) => {
            setAgent(event.target.value);
            setTools([]);
            setOrders([]);
          }}
        />
        <Checkboxes
          legend="What it may do"
          options={offer.tools.map(({ name, title, asks }) => ({
            value: name,
            label: asks ? `${title} (asks you each time)` : title,
          }))}
          value={tools}
          onChange={(next) => {
            setTools(next);
            setMissing(false);
          }}
        />
        {missing && (
          <Text role="alert" size="sm" tone="bad">
            Choose at least one thing that it may do.
          </Text>
        )}
        {bindable && own.length > 0 && (
          <Checkboxes
            legend="Only these orders (none: any of yours)"
            options={own.map(({ id, number, status }) => ({
              value: id,
              label: `${number}, ${words(status)}`,
            }))}
            value={orders}
            onChange={setOrders}
          />
        )}
        <Textarea
          label="What it is for"
          hint="In your own words, for you to recognise it: “Cancel what is late while I travel”."
          required
          minLength={5}
          maxLength={500}
          rows={2}
          value={purpose}
          dir="auto"
          onChange={(event) => setPurpose(event.target.value)}
        />
        <Select
          label="How long"
          options={LASTS}
          value={days}
          onChange={(event) => setDays(event.target.value)}
        />
        <Button type="submit" variant="primary">
          Read it through
        </Button>
      </Stack>
    </form>
  );
}

/** What the person agrees to, in whole. */
function Confirmation({
  draft,
  busy,
  error,
  onBack,
  onYes,
}: {
  draft: MandateDraft;
  busy: boolean;
  error: unknown;
  onBack: () => void;
  onYes: () => void;
}) {
  const { offer, tools, orders, purpose, days } = draft;
  const asks = offer.tools.filter((tool) => tool.asks && tools.includes(tool.name));
  return (
    <Stack gap={4} data-testid="mandate-confirmation">
      <Text strong>{words(offer.name)} may, without you:</Text>
      <Facts
        items={[
          ["Do", tools.map((name) => toolWords(name, [offer])).join(", ")],
          [
            "With",
            orders.length > 0 ? `Only ${orders.map(({ number }) => number).join(", ")}` : "All that is yours",
          ],
          ["For", purpose.trim()],
          ["Until", dateTime(endOf(days, now()))],
        ]}
      />
      {asks.length > 0 && (
        <Text size="sm" tone="soft">
          It waits for your own yes each time: {asks.map(({ title }) => title).join(", ")}.
        </Text>
      )}
      {error !== null && <ErrorState error={error} title="The agent was let do nothing" />}
      <Row gap={2} justify="end" wrap>
        <Button onClick={onBack}>Change it</Button>
        <Button variant="primary" busy={busy} onClick={onYes} autoFocus>
          Let it
        </Button>
      </Row>
    </Stack>
  );
}
