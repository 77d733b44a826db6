/** While a case is open every screen says so: whose data, why, until when, and how to end it. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import styles from "../../app/shell.module.css";
import { api } from "../../api/http.ts";
import { casesQuery } from "../../api/queries.ts";
import type { Case } from "../../api/types.ts";
import { Button } from "../../ui/button.tsx";
import { BriefcaseIcon } from "../../ui/icons.tsx";
import { Grow } from "../../ui/layout.tsx";
import { Text } from "../../ui/text.tsx";
import { Countdown, useNow } from "../../ui/time.tsx";
import { toast } from "../../ui/toast.tsx";
import { mayOpenCases, useUser } from "../auth/session.ts";
import { isOpen } from "./open-case.ts";

export function useCloseCase() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => api.delete(`/api/cases/${encodeURIComponent(id)}`),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: casesQuery.queryKey });
      toast("Case closed. The data is out of reach again.");
    },
    onError: () => toast("The case is still open: the shop could not be reached. Try again."),
  });
}

function BannerLine({ item }: { item: Case }) {
  const close = useCloseCase();
  return (
    <div className={styles["case"]} data-testid="case-banner">
      <div className={styles["caseInner"]}>
        <span className={styles["caseIcon"]}>
          <BriefcaseIcon size={18} />
        </span>
        <Grow>
          <Text as="div" strong dir="auto">
            Case open: {item.resources.join(" and ")} of {item.subject.name}
          </Text>
          <Text as="div" size="sm" dir="auto">
            “{item.purpose}” · <Countdown expires={item.expires} prefix="ends in" over="ended" />
          </Text>
        </Grow>
        <Button size="small" busy={close.isPending} onClick={() => close.mutate(item.id)}>
          Close the case
        </Button>
      </div>
    </div>
  );
}

export function CaseBanner() {
  const user = useUser();
  const staff = mayOpenCases(user);
  const { data } = useQuery({ ...casesQuery, enabled: staff });
  useNow(10_000, staff);
  const open = (data?.cases ?? []).filter((item) => isOpen(item));
  if (open.length === 0) return null;
  return (
    <section aria-label="Open cases">
      {open.map((item) => (
        <BannerLine key={item.id} item={item} />
      ))}
    </section>
  );
}
