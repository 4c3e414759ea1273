import { settingsConformance, storeConformance, type StoreHarness } from '../../lib/stores/conformance.ts'
import type { ScimSettingsStore } from '../../lib/contracts.ts'

/** How many cases the conformance kit has for a store with settings, whose harness has these methods. */
export function countCases (...methods: ('failWrites' | 'holdWrite')[]): number {
  const isNotRun = () => { throw new Error('the cases are only counted') }
  const harness: StoreHarness<object, ScimSettingsStore<object>> = { open: isNotRun, ...Object.fromEntries(methods.map((method) => [method, isNotRun])) }
  return [...storeConformance(harness), ...settingsConformance(harness)].length
}
