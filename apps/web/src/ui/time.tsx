/** Times that keep themselves up to date. */
import { useEffect, useState } from "react";
import { now } from "../lib/clock.ts";
import { ago, dateTime, timeLeft } from "../lib/format.ts";

/** The current time, refreshed every `everyMs`; stops while `active` is false. */
export function useNow(everyMs: number, active = true): number {
  const [time, setTime] = useState(now);
  useEffect(() => {
    if (!active) return;
    const timer = setInterval(() => setTime(now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs, active]);
  return time;
}

/** "3 hours ago", with the exact time on hover. */
export function Ago({ time }: { time: string }) {
  const current = useNow(30_000);
  return (
    <time dateTime={time} title={dateTime(time)}>
      {ago(time, current)}
    </time>
  );
}

/** Time left, second by second. Not announced each second: the label says the end. */
export function Countdown({ expires, prefix, over }: { expires: string; prefix: string; over: string }) {
  const current = useNow(1000);
  const left = timeLeft(expires, current);
  return (
    <time dateTime={expires} title={dateTime(expires)}>
      {left.over ? over : `${prefix} ${left.text}`}
    </time>
  );
}
