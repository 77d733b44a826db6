/** A short word that something was done. Never the only place where an error is shown. */
import { useSyncExternalStore } from "react";
import { IconButton } from "./button.tsx";
import { CloseIcon } from "./icons.tsx";
import styles from "./toast.module.css";

interface Toast {
  id: number;
  text: string;
}

let toasts: readonly Toast[] = [];
let next = 1;
const listeners = new Set<() => void>();

function publish(list: readonly Toast[]): void {
  toasts = list;
  for (const listener of listeners) listener();
}

const dismiss = (id: number) => publish(toasts.filter((toast) => toast.id !== id));

/** Shows a line for six seconds. */
export function toast(text: string): void {
  const id = next++;
  publish([...toasts.slice(-2), { id, text }]);
  setTimeout(() => dismiss(id), 6000);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function Toasts() {
  const list = useSyncExternalStore(subscribe, () => toasts);
  return (
    <div className={styles["region"]} role="status" aria-live="polite">
      {list.map((item) => (
        <div key={item.id} className={styles["toast"]}>
          {item.text}
          <IconButton
            size="small"
            label="Dismiss"
            icon={<CloseIcon size={14} />}
            onClick={() => dismiss(item.id)}
          />
        </div>
      ))}
    </div>
  );
}
