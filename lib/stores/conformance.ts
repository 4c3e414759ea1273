import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import type { Awaitable, ScimSettingsStore, ScimAdminContext, ScimTokenRecord, ScimTokenStore, ScimUser, ScimWriteContext } from '../contracts.ts'

/** A store over storage that no other case uses. */
export interface OpenStore<User extends object = ScimUser, Store = ScimTokenStore<User>> {
  /** The store under test. */
  store: Store
  /**
   * A second store over the same storage, as on another node; the two share no memory. Without it, a cache
   * or a fence counted in process memory is not detected.
   */
  other?: Store
  /** Passed to every call of the store; writes get a `signal` too. */
  context: ScimAdminContext<User>
  /** Called at the end of the case. */
  close?: () => Awaitable<void>
}

/** Creates the stores for the cases. */
export interface StoreHarness<User extends object = ScimUser, Store = ScimTokenStore<User>> {
  /** Opens a store over fresh storage. If `configured`, it has SCIM settings: enabled, and without a token. */
  open (setup: { configured: boolean }): Awaitable<OpenStore<User, Store>>

  /**
   * Makes every write of this store fail midway, as a full disk or a violated constraint does, until
   * the returned function is called. Omit it if writes cannot fail: its cases are then omitted too.
   */
  failWrites? (opened: OpenStore<User, Store>): Awaitable<() => Awaitable<void>>

  /**
   * Holds back one statement of the next write of this store, as a slow network or a busy pool does:
   * its first or its last, which are the same if a write is one statement. All other statements must
   * go through. Without it the cases of writes that were given up are omitted.
   */
  holdWrite? (opened: OpenStore<User, Store>, statement: 'first' | 'last'): Awaitable<HeldWrite>

  /**
   * Disables SCIM as the host does. Without it the case that `find` then returns `null` is omitted;
   * for a store with `setEnabled` it is among those of {@link settingsConformance}.
   */
  disable? (opened: OpenStore<User, Store>): Awaitable<void>
}

/** A write of which a statement is held back. */
export interface HeldWrite {
  /** Resolves once the statement has been held back. */
  held: Promise<void>
  /** Sends the statement to the database, late. */
  release: () => Awaitable<void>
}

/** A condition of the store contract as a test case. */
export interface StoreCase {
  /** The condition. */
  name: string
  /** Tests it over fresh storage; rejects with an AssertionError if the store violates it. */
  run: () => Promise<void>
}

/**
 * Returns the conditions of {@link ScimTokenStore} as test cases for any test runner:
 *
 * ```ts
 * for (const { name, run } of storeConformance({ open })) test(name, run)
 * ```
 */
export function storeConformance<User extends object = ScimUser, Store extends ScimTokenStore<User> = ScimTokenStore<User>> (
  harness: StoreHarness<User, Store>
): StoreCase[] {
  const onStore = createCases(harness)
  return [
    onStore('find() without a record returns null or undefined', {}, async ({ store, context }) => {
      await assertNoRecord(store, context)
    }),

    onStore('find() returns the stored record unchanged', {}, async ({ store, context }) => {
      const record = newRecord()
      assert.equal(await store.replace(record, context), true)
      assert.deepEqual(await store.find(context), record)
    }),

    onStore('replace() replaces the previous record', {}, async ({ store, context }) => {
      const [first, second] = [newRecord(), newRecord()]
      await store.replace(first, context)
      assert.equal(await store.replace(second, context), true)
      assert.deepEqual(await store.find(context), second)
    }),

    onStore('replace() of another node is found at once, and the other way round', { nodes: 2 }, async ({ store, other, context }) => {
      for (const [writer, reader] of [[store, other], [other, store], [store, other]] as const) {
        const record = newRecord()
        assert.equal(await writer.replace(record, context), true)
        assert.deepEqual(await reader.find(context), record)
        assert.deepEqual(await writer.find(context), record)
      }
    }),

    onStore('replace() replaces the previous record even if its own date is earlier', {}, async ({ store, context }) => {
      const hourAgo = { ...newRecord(), createdAt: new Date(Date.now() - 3_600_000) }
      await store.replace(newRecord(), context)
      assert.equal(await store.replace(hourAgo, context), true)
      assert.deepEqual(await store.find(context), hourAgo)
    }),

    onStore('replace() without SCIM settings returns false and stores nothing', { configured: false }, async ({ store, context }) => {
      assert.equal(await store.replace(newRecord(), context), false)
      await assertNoRecord(store, context)
    }),

    onStore('concurrent replace() calls leave exactly one of their records, whole', {}, async ({ store, context }) => {
      const records = newRecords(50)
      const results = await Promise.all(records.map((record) => store.replace(record, context)))
      assert.deepEqual(new Set(results), new Set([true]))

      const found = await store.find(context)
      assert.deepEqual(found, records.find(({ hash }) => hash === found?.hash))
      assert.deepEqual(await store.find(context), found)
    }),

    onStore('replace() rejects -> the previous record is kept', { needs: 'failWrites' }, async ({ store, context, expectFailure }) => {
      const record = newRecord()
      await store.replace(record, context)
      await expectFailure(async () => await store.replace(newRecord(), context))
      assert.deepEqual(await store.find(context), record)
    }),

    onStore('replace() that was given up before its {} statement does not invalidate a later record', { needs: 'holdWrite' }, async ({ store, context, giveUp }) => {
      const record = newRecord()
      await giveUp(
        (signal) => store.replace(newRecord(), { ...context, signal }),
        async () => { assert.equal(await store.replace(record, context), true) }
      )
      assert.deepEqual(await store.find(context), record)
    }),

    onStore('replace() of a node that has failed before was given up before its {} statement and does not invalidate a later record', { needs: 'holdWrite', also: 'failWrites' }, async ({ store, other, context, expectFailure, giveUp }) => {
      for (let i = 0; i < 3; i++) await expectFailure(async () => await store.replace(newRecord(), context))
      const record = newRecord()
      await giveUp(
        (signal) => store.replace(newRecord(), { ...context, signal }),
        async () => { assert.equal(await other.replace(record, context), true) }
      )
      assert.deepEqual(await store.find(context), record)
    }),

    onStore('replace() that was overtaken is stored, or rejects', { needs: 'holdWrite', statement: 'last' }, async ({ store, other, context, overtake }) => {
      const [record, later] = [newRecord(), newRecord()]
      const isStored = await overtake(1, (signal) => store.replace(record, { ...context, signal }), () => other.replace(later, context))
      assert.deepEqual(await store.find(context), isStored === true ? record : later)
    }),

    onStore('replace() that was overtaken up to five times and then given up does not invalidate a later record', { needs: 'holdWrite', statement: 'last' }, async ({ store, other, context, giveUpOvertaken }) => {
      let later = newRecord()
      await giveUpOvertaken(
        (signal) => store.replace(newRecord(), { ...context, signal }),
        async () => { later = newRecord(); assert.equal(await other.replace(later, context), true) },
        async () => { assert.deepEqual(await store.find(context), later) }
      )
    }),

    onStore('find() returns null or undefined once SCIM was disabled', { needs: 'disable' }, async ({ store, context, disable }) => {
      await store.replace(newRecord(), context)
      await disable()
      await assertNoRecord(store, context)
    })
  ].flat()
}

/** Returns the further conditions of a {@link ScimSettingsStore}, for the option `settingsRoutes: true`. */
export function settingsConformance<User extends object = ScimUser> (
  harness: StoreHarness<User, ScimSettingsStore<User>>
): StoreCase[] {
  const onStore = createCases(harness)
  return [
    onStore('getSettings() without SCIM settings returns disabled and without a token', { configured: false }, async ({ store, context }) => {
      assert.deepEqual(await store.getSettings(context), { enabled: false, hasToken: false })
    }),

    onStore('setEnabled(true) creates the SCIM settings if there are none', { configured: false }, async ({ store, context }) => {
      await store.setEnabled(true, context)
      assert.deepEqual(await store.getSettings(context), { enabled: true, hasToken: false })
      assert.equal(await store.replace(newRecord(), context), true)
      assert.deepEqual(await store.getSettings(context), { enabled: true, hasToken: true })
    }),

    onStore('setEnabled(false) creates the SCIM settings if there are none', { configured: false }, async ({ store, context }) => {
      await store.setEnabled(false, context)
      assert.deepEqual(await store.getSettings(context), { enabled: false, hasToken: false })
      assert.equal(await store.replace(newRecord(), context), true)
    }),

    onStore('find() returns no record while SCIM is disabled, and the same record once it is enabled again', {}, async ({ store, context }) => {
      const record = newRecord()
      await store.replace(record, context)

      await store.setEnabled(false, context)
      await assertNoRecord(store, context)
      assert.deepEqual(await store.getSettings(context), { enabled: false, hasToken: true })

      await store.setEnabled(true, context)
      assert.deepEqual(await store.find(context), record)
    }),

    onStore('find() returns a record stored while SCIM was disabled once it is enabled', {}, async ({ store, context }) => {
      await store.replace(newRecord(), context)
      await store.setEnabled(false, context)
      const record = newRecord()
      assert.equal(await store.replace(record, context), true)
      await assertNoRecord(store, context)

      await store.setEnabled(true, context)
      assert.deepEqual(await store.find(context), record)
    }),

    onStore('concurrent replace() and setEnabled() calls do not undo each other', {}, async ({ store, context }) => {
      const records = newRecords(25)
      await Promise.all(records.flatMap((record) => [store.replace(record, context), store.setEnabled(false, context)]))
      assert.deepEqual(await store.getSettings(context), { enabled: false, hasToken: true })

      await store.setEnabled(true, context)
      const found = await store.find(context)
      assert.deepEqual(found, records.find(({ hash }) => hash === found?.hash))
    }),

    onStore('setEnabled() rejects -> nothing is changed', { needs: 'failWrites' }, async ({ store, context, expectFailure }) => {
      const record = newRecord()
      await store.replace(record, context)
      await expectFailure(async () => await store.setEnabled(false, context))
      assert.deepEqual(await store.find(context), record)
    }),

    onStore('setEnabled() of another node is effective at once, and the other way round', { nodes: 2 }, async ({ store, other, context }) => {
      const record = newRecord()
      await store.replace(record, context)
      for (const [writer, reader] of [[store, other], [other, store]] as const) {
        await writer.setEnabled(false, context)
        await assertNoRecord(reader, context)
        assert.deepEqual(await reader.getSettings(context), { enabled: false, hasToken: true })
        await writer.setEnabled(true, context)
        assert.deepEqual(await reader.find(context), record)
        assert.deepEqual(await reader.getSettings(context), { enabled: true, hasToken: true })
      }
    }),

    onStore('setEnabled() that was given up before its {} statement does not undo a later one', { needs: 'holdWrite' }, async ({ store, other, context, giveUp }) => {
      const record = newRecord()
      await store.replace(record, context)
      await giveUp(
        (signal) => store.setEnabled(true, { ...context, signal }),
        () => other.setEnabled(false, context)
      )
      await assertNoRecord(store, context)
      assert.deepEqual(await store.getSettings(context), { enabled: false, hasToken: true })

      await giveUp(
        (signal) => store.setEnabled(false, { ...context, signal }),
        () => other.setEnabled(true, context)
      )
      assert.deepEqual(await store.find(context), record)
    }),

    onStore('setEnabled() that was overtaken up to five times and then given up does not undo a later one', { needs: 'holdWrite', statement: 'last' }, async ({ store, other, context, giveUpOvertaken }) => {
      await giveUpOvertaken(
        (signal) => store.setEnabled(true, { ...context, signal }),
        () => other.setEnabled(false, context),
        async () => { assert.equal((await store.getSettings(context)).enabled, false) }
      )
    }),

    onStore('setEnabled() that was given up before its {} statement does not undo a later one that created the SCIM settings', { configured: false, needs: 'holdWrite' }, async ({ store, context, giveUp }) => {
      await giveUp(
        (signal) => store.setEnabled(true, { ...context, signal }),
        () => store.setEnabled(false, context)
      )
      assert.deepEqual(await store.getSettings(context), { enabled: false, hasToken: false })
    }),

    onStore('setEnabled() that was given up before its {} statement has no effect after a later replace()', { needs: 'holdWrite' }, async ({ store, context, giveUp }) => {
      await store.setEnabled(false, context)
      await giveUp(
        (signal) => store.setEnabled(true, { ...context, signal }),
        async () => { assert.equal(await store.replace(newRecord(), context), true) }
      )
      assert.deepEqual(await store.getSettings(context), { enabled: false, hasToken: true })
    }),

    onStore('replace() that was given up before its {} statement has no effect after a later setEnabled()', { needs: 'holdWrite' }, async ({ store, context, giveUp }) => {
      const record = newRecord()
      await store.replace(record, context)
      await giveUp(
        (signal) => store.replace(newRecord(), { ...context, signal }),
        () => store.setEnabled(true, context)
      )
      assert.deepEqual(await store.find(context), record)
    })
  ].flat()
}

interface Setup {
  /** Default: true. */
  configured?: boolean
  /** The optional methods of the harness without which a case is omitted. */
  needs?: 'failWrites' | 'holdWrite' | 'disable'
  also?: 'failWrites'
  /** Passes if the harness opens no second store. */
  nodes?: 2
  /** The only statement that is held back. */
  statement?: 'last'
}

/** A store while a case runs, and what the harness can do to it. */
interface CaseStore<User extends object, Store> {
  store: Store
  /** The store of another node, or the same. */
  other: Store
  context: ScimWriteContext<User>
  /** Expects a write to reject while writes fail. */
  expectFailure (write: () => Promise<unknown>): Promise<void>
  /** Gives a write up while a statement of it is held back, and lets it go on after a later one. */
  giveUp (write: (signal: AbortSignal) => Awaitable<unknown>, later: () => Awaitable<unknown>): Promise<void>
  /** Holds back the last statement of a write until after later ones, so many times, and returns what it resolves to; an error if it rejects. */
  overtake (times: number, write: (signal: AbortSignal) => Awaitable<unknown>, later: () => Awaitable<unknown>): Promise<unknown>
  /** The same two to five times, and gives the write up before the last time; then calls `check`, unless the write was not overtaken so often. */
  giveUpOvertaken (write: (signal: AbortSignal) => Awaitable<unknown>, later: () => Awaitable<unknown>, check: () => Promise<void>): Promise<void>
  disable (): Promise<void>
}

/** Returns a function that creates a case; two if a statement is held back, with `first` and `last` in place of `{}`. */
function createCases<User extends object, Store extends ScimTokenStore<User>> (harness: StoreHarness<User, Store>) {
  return (name: string, { configured = true, needs, also, nodes, statement: only }: Setup, check: (caseStore: CaseStore<User, Store>) => Promise<void>): StoreCase[] => {
    if ([needs, also].some((method) => method !== undefined && harness[method] === undefined)) return []
    const statements = needs === 'holdWrite' && only === undefined ? ['first', 'last'] as const : ['first'] as const
    return statements.map((statement) => ({
      name: name.replace('{}', statement),
      async run () {
        const opened = await harness.open({ configured })
        try {
          if (nodes === 2 && opened.other === undefined) return
          await check({
            store: opened.store,
            other: opened.other ?? opened.store,
            context: { ...opened.context, signal: new AbortController().signal },
            expectFailure: (write) => expectFailure(harness, opened, write),
            giveUp: (write, later) => giveUp(harness, opened, statement, write, later),
            overtake: async (times, write, later) => (await overtake(harness, opened, times, write, later)).result,
            async giveUpOvertaken (write, later, check) {
              for (let times = 2; times <= 5; times++) {
                const { isOvertaken } = await overtake(harness, opened, times, write, later, { isGivenUp: true })
                if (isOvertaken) await check()
              }
            },
            async disable () { await harness.disable?.(opened) }
          })
        } finally {
          await opened.close?.()
        }
      }
    }))
  }
}

async function expectFailure<User extends object, Store> (
  harness: StoreHarness<User, Store>,
  opened: OpenStore<User, Store>,
  write: () => Promise<unknown>
): Promise<void> {
  const restoreWrites = await harness.failWrites?.(opened)
  try {
    await assert.rejects(write)
  } finally {
    await restoreWrites?.()
  }
}

async function giveUp<User extends object, Store> (
  harness: StoreHarness<User, Store>,
  opened: OpenStore<User, Store>,
  statement: 'first' | 'last',
  write: (signal: AbortSignal) => Awaitable<unknown>,
  later: () => Awaitable<unknown>
): Promise<void> {
  const heldWrite = await harness.holdWrite?.(opened, statement)
  const controller = new AbortController()
  const written = (async () => await write(controller.signal))()
  try {
    await Promise.race([heldWrite?.held, written.then(() => assert.fail(`the write was not held back before its ${statement} statement`))])
    controller.abort()
    await withoutLock(later)
  } finally {
    await heldWrite?.release()
    await Promise.allSettled([written])
  }
}

/** Holds back the last statement of a write until after a later write, and so on while the write tries again. */
async function overtake<User extends object, Store> (
  harness: StoreHarness<User, Store>,
  opened: OpenStore<User, Store>,
  times: number,
  write: (signal: AbortSignal) => Awaitable<unknown>,
  later: () => Awaitable<unknown>,
  { isGivenUp = false } = {}
): Promise<{ result: unknown, isOvertaken: boolean }> {
  const controller = new AbortController()
  let heldWrite = await harness.holdWrite?.(opened, 'last')
  let isSettled = false
  const written = (async () => await write(controller.signal))().catch((error: unknown) => error).finally(() => { isSettled = true })
  try {
    for (let time = 1; ; time++) {
      await Promise.race([heldWrite?.held, written])
      if (isSettled) return { result: await written, isOvertaken: false }
      if (isGivenUp && time === times) controller.abort()
      await withoutLock(later)
      if (time === times) break
      const next = await harness.holdWrite?.(opened, 'last')
      await heldWrite?.release()
      heldWrite = next
    }
  } finally {
    await heldWrite?.release()
    await written
  }
  return { result: await written, isOvertaken: true }
}

/** In milliseconds. */
const longestLock = 2000

/** Calls a write while another one is held back between its statements, and fails if it waits for that one. */
async function withoutLock (write: () => Awaitable<unknown>): Promise<void> {
  const limit = new AbortController()
  const isLate = setTimeout(longestLock, true, { signal: limit.signal }).catch(() => false)
  const written = (async () => await write())().finally(() => { limit.abort() })
  if (await Promise.race([written.then(() => false), isLate])) {
    // Settles once the caller has released the other one.
    written.catch(() => {})
    assert.fail(`a write waits for ${longestLock} ms for one that is held back: a write must not hold a lock between its statements`)
  }
}

async function assertNoRecord<User extends object> (store: ScimTokenStore<User>, context: ScimWriteContext<User>): Promise<void> {
  assert.equal(await store.find(context) ?? null, null)
}

function newRecord (): ScimTokenRecord {
  return { hash: randomBytes(32).toString('hex'), createdAt: new Date() }
}

/** Creates records that differ in their dates too, so that a mix of two is not among them. */
function newRecords (count: number): ScimTokenRecord[] {
  const now = Date.now()
  return Array.from({ length: count }, (_, i) => ({ ...newRecord(), createdAt: new Date(now - i) }))
}
