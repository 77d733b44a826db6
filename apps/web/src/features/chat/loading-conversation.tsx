/** Holds the place of an exchange. */
import { Loading, Skeleton } from "../../ui/states.tsx";
import styles from "./chat.module.css";

export function LoadingConversation() {
  return (
    <div className={styles["pane"]}>
      <div className={styles["scroll"]}>
        <div className={styles["log"]}>
          <Loading label="Loading the conversation">
            <div className={styles["turn"]}>
              <div className={styles["loadingUser"]}>
                <Skeleton width="40%" height={48} radius={16} />
              </div>
              <Skeleton width="36%" height={24} />
              <Skeleton height={20} />
              <Skeleton width="72%" height={20} />
              <Skeleton height={200} radius={16} />
            </div>
          </Loading>
        </div>
      </div>
      <div className={styles["dock"]}>
        <div className={styles["composer"]}>
          <Skeleton height={54} radius={16} />
          <Skeleton width="48%" height={20} />
        </div>
      </div>
    </div>
  );
}
