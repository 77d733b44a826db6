/** The frame around every screen: where to go, who is signed in, and what that person must not overlook. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { approvalsQuery } from "../api/queries.ts";
import { mayOpenCases, signOut, useUser } from "../features/auth/session.ts";
import { CaseBanner } from "../features/cases/case-banner.tsx";
import { LogAlarm } from "../features/receipt/log-alarm.tsx";
import { now } from "../lib/clock.ts";
import { timeLeft, words } from "../lib/format.ts";
import { Button, IconButton } from "../ui/button.tsx";
import { deferred } from "../ui/deferred.tsx";
import {
  BoxIcon,
  BriefcaseIcon,
  ChatIcon,
  DeviceIcon,
  Mark,
  MenuIcon,
  MonitorIcon,
  MoonIcon,
  ShieldIcon,
  SignOutIcon,
  StoreIcon,
  SunIcon,
} from "../ui/icons.tsx";
import { Menu } from "../ui/menu.tsx";
import { Sheet } from "../ui/overlay.tsx";
import { Hidden, Text } from "../ui/text.tsx";
import { toast } from "../ui/toast.tsx";
import styles from "./shell.module.css";
import { type Theme, setTheme, useTheme } from "./theme.ts";

const ReceiptSheet = deferred<{ entryId: string }>(() =>
  import("../features/receipt/receipt-sheet.tsx").then((m) => m.ReceiptSheet),
);

function usePendingApprovals(): number {
  const { data } = useQuery(approvalsQuery);
  return (data?.approvals ?? []).filter(
    (item) => item.status === "pending" && !timeLeft(item.expires, now()).over,
  ).length;
}

function NavLinks({ onGo }: { onGo?: () => void }) {
  const user = useUser();
  const pending = usePendingApprovals();
  const shared = { className: styles["link"], ...(onGo && { onClick: onGo }) };
  return (
    <>
      <Link to="/chat/{-$conversationId}" activeOptions={{ exact: false, includeSearch: false }} {...shared}>
        <ChatIcon /> Chat
      </Link>
      <Link to="/products" activeOptions={{ includeSearch: false }} {...shared}>
        <StoreIcon /> Store
      </Link>
      <Link to="/orders" activeOptions={{ includeSearch: false }} {...shared}>
        <BoxIcon /> Orders
      </Link>
      <Link to="/approvals" activeOptions={{ includeSearch: false }} {...shared}>
        <ShieldIcon /> Approvals
        {pending > 0 && (
          <span className={styles["count"]}>
            {pending}
            <Hidden> waiting for you</Hidden>
          </span>
        )}
      </Link>
      {mayOpenCases(user) && (
        <Link to="/cases" activeOptions={{ includeSearch: false }} {...shared}>
          <BriefcaseIcon /> Cases
        </Link>
      )}
    </>
  );
}

const initials = (name: string) =>
  name
    .split(/\s+/)
    .map((part) => Array.from(part)[0] ?? "")
    .slice(0, 2)
    .join("")
    .toUpperCase();

function UserMenu() {
  const user = useUser();
  const theme = useTheme();
  const client = useQueryClient();
  const navigate = useNavigate();
  const leave = async () => {
    try {
      await signOut(client);
      await navigate({ to: "/sign-in" });
    } catch {
      toast("You are still signed in: the shop could not be reached. Try again.");
    }
  };
  return (
    <Menu
      label="Account"
      trigger={
        <Button
          variant="ghost"
          size="small"

          data-testid="account-menu"
        >
          <span className={styles["avatar"]} aria-hidden="true">
            {initials(user.name)}
          </span>
          <span className={styles["wideOnly"]}>
            <Hidden>Account of </Hidden>
            {user.name}
          </span>
        </Button>
      }
      entries={[
        {
          kind: "text",
          content: (
            <>
              <Text as="div" strong clip>
                {user.name}
              </Text>
              <Text as="div" size="xs" tone="soft" clip>
                {user.email} · {words(user.role)}
              </Text>
            </>
          ),
        },
        { kind: "line" },
        {
          kind: "choice",
          value: theme,
          onChange: (value) => setTheme(value as Theme),
          options: [
            { value: "system", label: "As the system", icon: <MonitorIcon /> },
            { value: "light", label: "Light", icon: <SunIcon /> },
            { value: "dark", label: "Dark", icon: <MoonIcon /> },
          ],
        },
        { kind: "line" },
        {
          kind: "action",
          label: "What is remembered",
          icon: <ChatIcon />,
          onSelect: () => void navigate({ to: "/memory" }),
        },
        {
          kind: "action",
          label: "Signed-in devices",
          icon: <DeviceIcon />,
          onSelect: () => void navigate({ to: "/devices" }),
        },
        {
          kind: "action",
          label: "While you are away",
          icon: <MoonIcon />,
          onSelect: () => void navigate({ to: "/background" }),
        },
        { kind: "action", label: "Sign out", icon: <SignOutIcon />, onSelect: () => void leave() },
      ]}
    />
  );
}

/** Moves focus to the new page, as a full load would, so that a screen reader starts there. */
function useFocusOnNavigation(main: { current: HTMLElement | null }) {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const section = path.split("/")[1] === "chat" ? "/chat" : path;
  const first = useRef(true);
  useEffect(() => {
    if (first.current) first.current = false;
    else if (!main.current?.contains(document.activeElement)) main.current?.focus({ preventScroll: true });
  }, [section, main]);
}

export function Shell() {
  const main = useRef<HTMLElement>(null);
  const [menu, setMenu] = useState(false);
  const receipt = useRouterState({ select: (state) => state.location.search.receipt });
  useFocusOnNavigation(main);
  return (
    <div className={styles["frame"]}>
      <a className={styles["skip"]} href="#main">
        Skip to the content
      </a>
      <header className={styles["header"]}>
        <span className={styles["menuButton"]}>
          <IconButton label="Menu" icon={<MenuIcon size={20} />} onClick={() => setMenu(true)} />
        </span>
        <Link to="/chat/{-$conversationId}" className={styles["brand"]}>
          <Mark size={26} /> Deputize
        </Link>
        <nav className={styles["nav"]} aria-label="Main">
          <NavLinks />
        </nav>
        <span className={styles["spacer"]} />
        <UserMenu />
      </header>
      <Sheet side="start" open={menu} onClose={() => setMenu(false)} title="Deputize Shop">
        <nav className={styles["stackNav"]} aria-label="Main">
          <NavLinks onGo={() => setMenu(false)} />
        </nav>
      </Sheet>
      <CaseBanner />
      <LogAlarm />
      <main id="main" ref={main} tabIndex={-1} className={styles["main"]}>
        <Outlet />
      </main>
      {receipt !== undefined && <ReceiptSheet fallback={null} entryId={receipt} />}
    </div>
  );
}
