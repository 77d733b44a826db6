/** Gives an agent something to do under a mandate, now or again and again: a person's own press [SR-14]. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api } from "../../api/http.ts";
import { backgroundQuery } from "../../api/queries.ts";
import type { BackgroundRun, Mandate } from "../../api/types.ts";
import { words } from "../../lib/format.ts";
import { Button } from "../../ui/button.tsx";
import { Select, Textarea } from "../../ui/input.tsx";
import { Stack } from "../../ui/layout.tsx";
import { Dialog } from "../../ui/overlay.tsx";
import { ErrorState } from "../../ui/states.tsx";

const OFTEN = [
  { value: "", label: "Once, now" },
  { value: "3600", label: "Every hour" },
  { value: "86400", label: "Every day" },
  { value: "604800", label: "Every week" },
];

export interface WorkDialogProps {
  mandate: Mandate | undefined;
  onClose: () => void;
  onBegun: () => void;
}

export function WorkDialog({ mandate, onClose, onBegun }: WorkDialogProps) {
  return (
    <Dialog
      open={mandate !== undefined}
      onClose={onClose}
      title="Give it something to do"
      {...(mandate && { description: `${words(mandate.agent.name)}, under “${mandate.purpose}”.` })}
      testId="work-dialog"
    >
      {mandate && <WorkForm key={mandate.id} mandate={mandate} onBegun={onBegun} />}
    </Dialog>
  );
}

function WorkForm({ mandate, onBegun }: { mandate: Mandate; onBegun: () => void }) {
  const client = useQueryClient();
  const [message, setMessage] = useState("");
  const [often, setOften] = useState("");
  // One id for all presses: what was asked for twice begins once.
  const [id] = useState(() => crypto.randomUUID());
  const begin = useMutation({
    mutationFn: () =>
      api.post<BackgroundRun>("/api/background", {
        mandate_id: mandate.id,
        message: message.trim(),
        id,
        ...(often !== "" && { every_seconds: Number(often) }),
      }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: backgroundQuery.queryKey, exact: true });
      onBegun();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (message.trim() !== "") begin.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack gap={4}>
        <Textarea
          label="What to do"
          required
          maxLength={8000}
          rows={3}
          value={message}
          dir="auto"
          onChange={(event) => setMessage(event.target.value)}
        />
        <Select
          label="When"
          options={OFTEN}
          value={often}
          onChange={(event) => setOften(event.target.value)}
        />
        {begin.isError && <ErrorState error={begin.error} title="Nothing was begun" />}
        <Button type="submit" variant="primary" busy={begin.isPending} disabled={message.trim() === ""}>
          Begin
        </Button>
      </Stack>
    </form>
  );
}
