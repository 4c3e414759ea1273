import type { ScimSettingsStore, ScimTokenRecord } from '../contracts.ts'

/** What {@link memoryStore} may be told. */
export interface MemoryStoreOptions {
  /**
   * Whether there are SCIM settings, enabled, to attach a token to.
   * @defaultValue `true`
   */
  settings?: boolean
}

/** Makes a store for tests and trials: it serves one process, and its token ends with it. */
export function memoryStore ({ settings = true }: MemoryStoreOptions = {}): ScimSettingsStore<object> {
  let current: { enabled: boolean, record: ScimTokenRecord | null } | null = settings ? { enabled: true, record: null } : null
  return {
    replace (record) {
      if (current === null) return false
      current.record = record
      return true
    },
    find () {
      return current?.enabled ? current.record : null
    },
    getSettings () {
      return { enabled: current?.enabled ?? false, hasToken: (current?.record ?? null) !== null }
    },
    setEnabled (enabled) {
      current = { enabled, record: current?.record ?? null }
    }
  }
}
