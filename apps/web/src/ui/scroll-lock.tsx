/**
 * Stands in for `react-remove-scroll`, which Radix's dialogs and menus use (see vite.config.ts).
 *
 * Guarantees: while a modal layer is open the page behind does not scroll, by an attribute that base.css
 * knows; nothing adds a <style> element, which the content security policy forbids.
 */
import { Slot } from "radix-ui";
import { type ElementType, type HTMLAttributes, useEffect } from "react";

let locks = 0;

interface Props extends HTMLAttributes<HTMLElement> {
  as?: ElementType;
  allowPinchZoom?: boolean;
  shards?: unknown;
  enabled?: boolean;
  ref?: never;
}

export function RemoveScroll({ as, allowPinchZoom: _zoom, shards: _shards, enabled: _on, ...rest }: Props) {
  useEffect(() => {
    locks += 1;
    document.documentElement.setAttribute("data-scroll-lock", "");
    return () => {
      locks -= 1;
      if (locks === 0) document.documentElement.removeAttribute("data-scroll-lock");
    };
  }, []);
  const Element = as ?? Slot.Root;
  return <Element {...rest} />;
}
