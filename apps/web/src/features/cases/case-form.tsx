/**
 * Opens a case: a person's own press with a stated purpose. No chat, link or tool can do it, because only this
 * form sends the request, and the server takes it only from a person's own session [SR-04].
 */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api } from "../../api/http.ts";
import { casesQuery } from "../../api/queries.ts";
import type { Case } from "../../api/types.ts";
import { words } from "../../lib/format.ts";
import { Button } from "../../ui/button.tsx";
import { Checkboxes, Input, Textarea } from "../../ui/input.tsx";
import { Stack } from "../../ui/layout.tsx";
import { Dialog } from "../../ui/overlay.tsx";
import { ErrorState } from "../../ui/states.tsx";

export const CASE_RESOURCES = ["orders", "profile"] as const;

export interface CaseDialogProps {
  open: boolean;
  onClose: () => void;
  onOpened: (opened: Case) => void;
  email?: string;
  resources?: readonly string[];
}

export function CaseDialog({
  open,
  onClose,
  onOpened,
  email: suggested,
  resources: wanted,
}: CaseDialogProps) {
  const client = useQueryClient();
  const [email, setEmail] = useState(suggested ?? "");
  const [purpose, setPurpose] = useState("");
  const [resources, setResources] = useState<string[]>(() =>
    CASE_RESOURCES.filter((name) => wanted?.includes(name) ?? name === "orders"),
  );
  const create = useMutation({
    mutationFn: () =>
      api.post<Case>("/api/cases", {
        subject_email: email.trim().toLowerCase(),
        purpose: purpose.trim(),
        resources,
      }),
    onSuccess: async (opened) => {
      await client.invalidateQueries({ queryKey: casesQuery.queryKey });
      setPurpose("");
      onOpened(opened);
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (resources.length > 0) create.mutate();
  };
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title="Open a case"
      description="You will see this person's data, for this purpose, for a short time. Each look is put on record with your name and the purpose."
      testId="case-dialog"
    >
      <form onSubmit={submit}>
        <Stack gap={4}>
          <Input
            label="Whose data (e-mail)"
            type="email"
            required
            value={email}
            autoComplete="off"
            onChange={(event) => setEmail(event.target.value)}
          />
          <Textarea
            label="Purpose"
            hint="In your own words, for example: “Bob asked by phone why his parcel is late”."
            required
            minLength={8}
            maxLength={300}
            rows={2}
            value={purpose}
            onChange={(event) => setPurpose(event.target.value)}
          />
          <Checkboxes
            legend="What you need to see"
            options={CASE_RESOURCES.map((name) => ({ value: name, label: words(name) }))}
            value={resources}
            onChange={setResources}
          />
          {create.isError && <ErrorState error={create.error} title="The case was not opened" />}
          <Button type="submit" variant="primary" busy={create.isPending} disabled={resources.length === 0}>
            Open the case
          </Button>
        </Stack>
      </form>
    </Dialog>
  );
}
