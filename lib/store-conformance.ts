import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { Awaitable, ScimTokenContext, ScimTokenRecord, ScimTokenStore, ScimUser } from './contracts.ts'

/** One store over storage that no other case uses. */
export interface OpenStore<User extends object = ScimUser> {
  store: ScimTokenStore<User>
  /** Handed to every call of the store. */
  context: ScimTokenContext<User>
  /** Called when the case is over. */
  close?: () => Awaitable<void>
}

/** How the cases come by stores. */
export interface StoreHarness<User extends object = ScimUser> {
  /** Opens a store over fresh storage, in which SCIM is set up and enabled, or not set up at all. */
  open (setup: { settings: boolean }): Awaitable<OpenStore<User>>

  /**
   * Makes every write of this store fail after it has begun, as a full disk or a violated
   * constraint does, until the function that it answers is called. Leave it out for a store whose
   * writes cannot fail, and the case that needs it is left out.
   */
  failWrites?: (opened: OpenStore<User>) => Awaitable<() => Awaitable<void>>
}

/** A promise of the store contract, runnable: `run` rejects with an AssertionError where it is broken. */
export interface StoreCase {
  name: string
  run: () => Promise<void>
}

/**
 * Answers the promises of {@link ScimTokenStore} as cases for any test runner:
 *
 * ```ts
 * for (const { name, run } of storeConformance({ open })) test(name, run)
 * ```
 */
export function storeConformance<User extends object = ScimUser> (harness: StoreHarness<User>): StoreCase[] {
  const { open, failWrites } = harness

  function onStore (name: string, settings: boolean, check: (opened: OpenStore<User>) => Promise<void>): StoreCase {
    return {
      name,
      async run () {
        const opened = await open({ settings })
        try {
          await check(opened)
        } finally {
          await opened.close?.()
        }
      }
    }
  }

  const cases = [
    onStore('there is no record before the first one is stored', true, async ({ store, context }) => {
      assert.equal(await store.find(context), null)
    }),

    onStore('a stored record is found as it was stored', true, async ({ store, context }) => {
      const record = newRecord()
      assert.equal(await store.replace(record, context), true)
      assert.deepEqual(await store.find(context), record)
    }),

    onStore('a record replaces the one before it', true, async ({ store, context }) => {
      const [first, second] = [newRecord(), newRecord()]
      await store.replace(first, context)
      assert.equal(await store.replace(second, context), true)
      assert.deepEqual(await store.find(context), second)
    }),

    onStore('a record with an earlier date still replaces the one before it', true, async ({ store, context }) => {
      const hourAgo = { ...newRecord(), createdAt: new Date(Date.now() - 3_600_000) }
      await store.replace(newRecord(), context)
      assert.equal(await store.replace(hourAgo, context), true)
      assert.deepEqual(await store.find(context), hourAgo)
    }),

    onStore('without SCIM settings nothing is stored and the answer is false', false, async ({ store, context }) => {
      assert.equal(await store.replace(newRecord(), context), false)
      assert.equal(await store.find(context), null)
    }),

    onStore('concurrent replacements leave one record, whole, and it is one of those stored', true, async ({ store, context }) => {
      const records = Array.from({ length: 50 }, newRecord)
      const answers = await Promise.all(records.map((record) => store.replace(record, context)))
      assert.deepEqual(new Set(answers), new Set([true]))

      const found = await store.find(context)
      assert.deepEqual(found, records.find(({ hash }) => hash === found?.hash))
      assert.deepEqual(await store.find(context), found)
    })
  ]

  if (failWrites === undefined) return cases
  return [
    ...cases,
    onStore('a rejected write leaves the old record', true, async (opened) => {
      const { store, context } = opened
      const record = newRecord()
      await store.replace(record, context)

      const mend = await failWrites(opened)
      try {
        await assert.rejects(async () => await store.replace(newRecord(), context))
        assert.deepEqual(await store.find(context), record)
      } finally {
        await mend()
      }
      assert.deepEqual(await store.find(context), record)
    })
  ]
}

function newRecord (): ScimTokenRecord {
  return { hash: randomBytes(32).toString('hex'), createdAt: new Date() }
}
