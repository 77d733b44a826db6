/** The rich cards of an answer. They are built by the server from rows, so nothing here reads the model's prose. */
import type { Card } from "../../api/types.ts";
import { CaseOffer } from "../cases/case-offer.tsx";
import { OrderCard, OrderListCard } from "../orders/order-card.tsx";
import { ProductGrid } from "../products/product-card.tsx";
import { ProfileCard } from "./profile-card.tsx";

export interface CardViewProps {
  card: Card;
  question: string;
  onAsk: (text: string) => void;
}

export function CardView({ card, question, onAsk }: CardViewProps) {
  switch (card.type) {
    case "order":
      return <OrderCard order={card.order} />;
    case "orders":
      return <OrderListCard orders={card.orders} />;
    case "products":
      return <ProductGrid products={card.products} dense />;
    case "profile":
      return <ProfileCard profile={card.profile} />;
    case "case_offer":
      return (
        <CaseOffer
          {...(card.subject_email !== undefined && { email: card.subject_email })}
          resources={card.resources}
          onOpened={() => onAsk(question)}
        />
      );
    default:
      // A newer server may send kinds that this page does not know: the text still says it all.
      return null;
  }
}
