import { invalidOption, kindOf, requireOptions } from '../check-options.ts'
import type { ScimSettingsStore, ScimTokenRecord } from '../contracts.ts'

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /**
   * Whether the store starts with SCIM settings, enabled and without a token.
   * @defaultValue `true`
   */
  configured?: boolean | undefined
}

/** Creates an in-memory store for tests; its token is lost when the process exits. */
export function memoryStore (options: MemoryStoreOptions = {}): ScimSettingsStore<object> {
  requireOptions('memoryStore', options, ['configured'], 'the options must be an object, such as { configured: false }')
  const { configured = true } = options
  if (typeof configured !== 'boolean') throw invalidOption('memoryStore', 'the option "configured" must be true or false', kindOf(configured))

  let current: { enabled: boolean, record: ScimTokenRecord | null } | null = configured ? { enabled: true, record: null } : null
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
