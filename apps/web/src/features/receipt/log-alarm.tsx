/** Looks at the log once after the page has settled, and raises an alarm at the top when history was taken back [SR-20]. */
import { useEffect, useState } from "react";
import styles from "../../app/shell.module.css";
import { Button } from "../../ui/button.tsx";
import { ConfirmDialog } from "../../ui/overlay.tsx";
import { Notice } from "../../ui/states.tsx";
import { useAlarm } from "./alarm.ts";

const load = () => import("./log-watch.ts");

export function LogAlarm() {
  const problem = useAlarm();
  const [words, setWords] = useState("");
  const [asking, setAsking] = useState(false);
  useEffect(() => {
    // A shop that cannot be reached just now is no alarm; the next visit looks again.
    const look = () =>
      load()
        .then((log) => log.watchLog())
        .catch(() => undefined);
    const timer = setTimeout(() => void look(), 1500);
    return () => clearTimeout(timer);
  }, []);
  useEffect(() => {
    if (problem !== undefined) void load().then((log) => setWords(log.PROBLEM_WORDS[problem]));
  }, [problem]);
  if (problem === undefined) return null;
  return (
    <div className={styles["alarm"]} data-testid="log-alarm">
      <Notice
        tone="bad"
        role="alert"
        title="The audit log contradicts what this browser has seen"
        actions={
          <Button size="small" onClick={() => setAsking(true)}>
            I know why
          </Button>
        }
      >
        {words} Do not rely on receipts until the shop's operator has explained it.
      </Notice>
      <ConfirmDialog
        open={asking}
        onClose={() => setAsking(false)}
        onConfirm={() => {
          setAsking(false);
          void load().then((log) => log.forgetCheckpoint());
        }}
        title="Trust the log anew?"
        description="Do this only if you know why its history changed, for example because you reset this shop yourself. The evidence that this browser holds is deleted."
        confirm="Forget the old checkpoint"
      />
    </div>
  );
}
