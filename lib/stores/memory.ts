import type { ScimSettingsStore, ScimTokenRecord } from '../contracts.ts'
import { unknownOption } from '../unknown-option.ts'

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /**
   * Whether the store starts with SCIM settings, enabled and without a token.
   * @defaultValue `true`
   */
  settings?: boolean | undefined
}

/** Creates an in-memory store for tests; its token is lost when the process exits. */
export function memoryStore (options: MemoryStoreOptions = {}): ScimSettingsStore<object> {
  const unknown = unknownOption(options, ['settings'])
  if (unknown !== undefined) throw new Error(`memoryStore: ${unknown}`)

  const { settings = true } = options
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
