import { AssertionError } from 'node:assert'
import type { ScimSettingsStore } from '../../lib/index.ts'
import { settingsConformance, storeConformance, type StoreHarness } from '../../lib/stores/conformance.ts'

/** Runs all conformance cases and returns the names of those that fail. */
export async function failingCases<Store extends ScimSettingsStore<object>> (harness: StoreHarness<object, Store>): Promise<string[]> {
  const failed: string[] = []
  for (const { name, run } of [...storeConformance(harness), ...settingsConformance(harness)]) {
    await run().catch((error) => {
      if (!(error instanceof AssertionError)) throw error
      failed.push(name)
    })
  }
  return failed
}
