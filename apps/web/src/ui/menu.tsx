/**
 * A list of actions behind a button. The machinery (arrow keys, type-ahead, placement) is loaded when the button
 * is first pointed at, focused or pressed, because most visits never open a menu.
 */
import { type ReactElement, type ReactNode, cloneElement, useState } from "react";
import { deferred } from "./deferred.tsx";

export type MenuEntry =
  | { kind: "action"; label: string; icon: ReactNode; danger?: boolean; onSelect: () => void }
  | {
      kind: "choice";
      value: string;
      onChange: (value: string) => void;
      options: readonly { value: string; label: string; icon: ReactNode }[];
    }
  | { kind: "text"; content: ReactNode }
  | { kind: "line" };

export interface MenuProps {
  label: string;
  trigger: ReactElement<TriggerProps>;
  entries: readonly MenuEntry[];
}

interface TriggerProps {
  onClick?: () => void;
  onPointerEnter?: () => void;
  onFocus?: () => void;
  "aria-haspopup"?: "menu";
  "aria-expanded"?: boolean;
}

const Panel = deferred<MenuProps>(() => import("./menu-panel.tsx").then((m) => m.MenuPanel));

export function Menu({ label, trigger, entries }: MenuProps) {
  const [wanted, setWanted] = useState(false);
  const early = cloneElement(trigger, {
    onClick: () => setWanted(true),
    onPointerEnter: Panel.preload,
    onFocus: Panel.preload,
    "aria-haspopup": "menu",
    "aria-expanded": false,
  });
  return wanted ? <Panel fallback={early} label={label} trigger={trigger} entries={entries} /> : early;
}
