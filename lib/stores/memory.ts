import type { ScimTokenRecord, ScimTokenStore } from '../contracts.ts'

/** What {@link memoryStore} may be told. */
export interface MemoryStoreOptions {
  /**
   * Whether there are SCIM settings to attach a token to.
   * @defaultValue `true`
   */
  settings?: boolean
}

/** Makes a store for tests and trials: it serves one process, and its token ends with it. */
export function memoryStore ({ settings = true }: MemoryStoreOptions = {}): ScimTokenStore<object> {
  let current: ScimTokenRecord | null = null
  return {
    replace (record) {
      if (settings) current = record
      return settings
    },
    find () {
      return current
    }
  }
}
