import type { ScimSettingsStore, ScimTokenRecord } from '../contracts.ts'

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /**
   * Whether the store starts with SCIM settings, enabled and without a token.
   * @defaultValue `true`
   */
  settings?: boolean
}

/** Creates an in-memory store for tests; its token is lost when the process exits. */
export function memoryStore ({ settings = true }: MemoryStoreOptions = {}): ScimSettingsStore<object> {
  let current: { enabled: boolean, record: ScimTokenRecord | null } | null = settings ? { enabled: true, record: null } : null
  return {
    replace (record) {
      if (current === null) return false
      current.record = copy(record)
      return true
    },
    find () {
      return current?.enabled && current.record !== null ? copy(current.record) : null
    },
    getSettings () {
      return { enabled: current?.enabled ?? false, hasToken: (current?.record ?? null) !== null }
    },
    setEnabled (enabled) {
      current = { enabled, record: current?.record ?? null }
    }
  }
}

function copy ({ hash, createdAt }: ScimTokenRecord): ScimTokenRecord {
  return { hash, createdAt: new Date(createdAt) }
}
