/** A product's picture from this shop's own server. When it does not come, its initial stands in, never a grey box. */
import { useState } from "react";
import styles from "./products.module.css";

export function Picture({ src, name, eager }: { src: string; name: string; eager?: boolean }) {
  const [broken, setBroken] = useState(false);
  // Only our own pictures: an address elsewhere would tell that site who looks at what.
  const own = src.startsWith("/") && !src.startsWith("//");
  if (broken || !own) {
    return (
      <span className={styles["fallback"]} aria-hidden="true">
        {Array.from(name)[0]}
      </span>
    );
  }
  return (
    <img
      src={src}
      alt=""
      width={480}
      height={360}
      loading={eager ? "eager" : "lazy"}
      decoding="async"
      onError={() => setBroken(true)}
    />
  );
}
