/** For health checks: does something answer, and in time? */

/** True when `work` resolves within the time; whatever else becomes of it is false. Never throws. */
export async function answersWithin(timeoutMs: number, work: () => unknown): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  try {
    return await Promise.race([Promise.resolve(work()).then(() => true), late]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
