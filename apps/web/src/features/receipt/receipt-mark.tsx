/** The small mark beside whatever was done; it opens the receipt. */
import { useNavigate } from "@tanstack/react-router";
import { Button } from "../../ui/button.tsx";
import { ReceiptIcon } from "../../ui/icons.tsx";
import { Hidden } from "../../ui/text.tsx";

export function ReceiptMark({ entryId, what }: { entryId: string; what: string }) {
  const navigate = useNavigate();
  return (
    <Button
      variant="mark"
      data-testid="receipt-mark"
      onClick={() =>
        void navigate({
          to: ".",
          search: (old: object) => ({ ...old, receipt: entryId }),
          resetScroll: false,
        })
      }
    >
      <ReceiptIcon size={13} /> Receipt<Hidden> of {what}</Hidden>
    </Button>
  );
}
