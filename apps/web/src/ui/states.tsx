/** What a screen shows when it has nothing, not yet anything, or an error: what, whether anything changed, what next. */
import type { CSSProperties, ReactNode } from "react";
import { ApiError } from "../api/http.ts";
import { sentence } from "../lib/format.ts";
import { Button } from "./button.tsx";
import { cx } from "./cx.ts";
import { AlertIcon, CheckIcon, InfoIcon, XCircleIcon } from "./icons.tsx";
import styles from "./states.module.css";
import { Heading, Hidden, Text } from "./text.tsx";

/** Holds the place of something that is loading, at its final size. */
export function Skeleton({
  width = "100%",
  height = 16,
  radius,
}: {
  width?: number | string;
  height?: number | string;
  radius?: number | string;
}) {
  const style: CSSProperties = { width, height, ...(radius !== undefined && { borderRadius: radius }) };
  return <span className={styles["skeleton"]} style={style} aria-hidden="true" />;
}

/** Wraps skeletons and says so to a screen reader. */
export function Loading({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div aria-busy="true" data-testid="loading">
      <Hidden role="status">{label}</Hidden>
      {children}
    </div>
  );
}

export function EmptyState({
  icon,
  title,
  children,
  action,
}: {
  icon: ReactNode;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className={styles["empty"]} data-testid="empty">
      <span className={styles["disc"]}>{icon}</span>
      <Heading level={2}>{title}</Heading>
      {children !== undefined && (
        <Text tone="soft" className={styles["narrow"]}>
          {children}
        </Text>
      )}
      {action}
    </div>
  );
}

export interface NoticeProps {
  tone: "ok" | "note" | "warn" | "bad";
  title: ReactNode;
  children?: ReactNode;
  actions?: ReactNode;
  role?: "alert" | "status" | "region" | undefined;
  label?: string;
}

const ICONS = { ok: CheckIcon, note: InfoIcon, warn: AlertIcon, bad: XCircleIcon };

export function Notice({ tone, title, children, actions, role, label }: NoticeProps) {
  const Icon = ICONS[tone];
  return (
    <div className={cx(styles["notice"], styles[tone])} role={role} aria-label={label}>
      <Icon />
      <div className={styles["body"]}>
        <Text as="div" strong>
          {title}
        </Text>
        {children !== undefined && (
          <Text as="div" size="sm">
            {children}
          </Text>
        )}
        {actions !== undefined && <div className={styles["actions"]}>{actions}</div>}
      </div>
    </div>
  );
}

const NEXT: Readonly<Record<string, string>> = {
  unreachable: "Check the connection, then try again.",
  csrf_failed: "Reload the page and try again.",
  rate_limited: "Wait a moment, then try again.",
};

/** An error in three sentences: what happened, whether anything changed, what to do next. */
export function explain(error: unknown): {
  what: string;
  changed: string;
  next: string | undefined;
  reference: string | undefined;
} {
  if (!(error instanceof ApiError)) {
    return {
      what: "Something went wrong in this page.",
      changed: "Nothing was changed.",
      next: "Reload the page.",
      reference: undefined,
    };
  }
  const wait =
    error.retryAfterSeconds === undefined ? undefined : `Try again in ${error.retryAfterSeconds} seconds.`;
  return {
    what: sentence(error.message),
    changed:
      error.changed === "no"
        ? "Nothing was changed."
        : "It is not certain whether this was done: look before you try again.",
    next: wait ?? NEXT[error.code],
    reference: error.requestId,
  };
}

export function ErrorState({
  error,
  title,
  retry,
  actions,
}: {
  error: unknown;
  title: string;
  retry?: (() => void) | undefined;
  actions?: ReactNode;
}) {
  const { what, changed, next, reference } = explain(error);
  return (
    <div data-testid="failed">
      <Notice
        tone="bad"
        role="alert"
        title={title}
        actions={
          retry === undefined && actions === undefined ? undefined : (
            <>
              {retry !== undefined && (
                <Button size="small" onClick={retry}>
                  Try again
                </Button>
              )}
              {actions}
            </>
          )
        }
      >
        {/nothing was changed/i.test(what) ? what : `${what} ${changed}`} {next}
        {reference !== undefined && (
          <Text as="div" size="xs" tone="soft">
            Reference{" "}
            <Text as="span" mono>
              {reference}
            </Text>
          </Text>
        )}
      </Notice>
    </div>
  );
}

export function Spinner({ label }: { label: string }) {
  return (
    <span role="status">
      <span className={styles["spinner"]} />
      <Hidden>{label}</Hidden>
    </span>
  );
}
