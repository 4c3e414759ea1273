import { setTimeout as delay } from 'node:timers/promises'

/**
 * Asks again and again until the answer is yes.
 *
 * @throws Error when it is not within the limit
 */
export async function until (what: string, isSo: () => boolean | Promise<boolean>, limit = 30_000): Promise<void> {
  const deadline = performance.now() + limit
  while (!await isSo()) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${limit} ms`)
    await delay(20)
  }
}
