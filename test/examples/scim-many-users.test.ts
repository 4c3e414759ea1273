import t from 'tap'
import type { Queryable } from '../../examples/scim/postgres-pool.ts'
import { keyOf } from '../../examples/host/scim-storage.ts'
import { databases, startProvider, userSchema } from '../helpers/scim-provider.ts'

// In SCIM_LONG=1 as many as in examples/scim/README.md.
const users = process.env['SCIM_LONG'] === '1' ? 20_000 : 5000
const repetitions = 3

for (const database of databases) {
  t.test(`on the ${database} database with ${users} users`, async (t) => {
    const { list, send, patch } = await startProvider(t, database, insertUsers)
    const { body: { Resources: [user] } } = await list('/Users', { filter: 'userName eq "user-7@example.com"' })
    await list('/Users', { filter: 'title eq "warm-up"' })

    /** Returns the least time in milliseconds, which other work of the machine changes least, and what the last call resolved to. */
    async function measure<T> (what: string, call: () => Promise<T>): Promise<{ ms: number, result: T }> {
      const times: number[] = []
      let result: T
      do {
        const start = performance.now()
        result = await call()
        times.push(performance.now() - start)
      } while (times.length < repetitions)
      const ms = Math.min(...times)
      t.comment(`${database}: ${what}: ${ms.toFixed(1)} ms`)
      return { ms, result }
    }

    async function filtered (filter: string) {
      const { ms, result: { body } } = await measure(filter, () => list('/Users', { filter }))
      return { ms, total: body.totalResults }
    }

    t.test('userName, externalId or displayName eq -> found by an index, at a fraction of what the other filters cost', async (t) => {
      const indexed = []
      for (const filter of ['userName eq "USER-1234@example.com"', 'externalId eq "external-1234"', 'displayName eq "user 1234" and active eq true']) indexed.push(await filtered(filter))
      const inMemory = []
      for (const filter of ['emails[type eq "work"].value eq "user-1234@work.example"', 'userName sw "user-1234"', 'userName eq "user-1234@example.com" or title eq "x"']) inMemory.push(await filtered(filter))

      t.strictSame(indexed.map(({ total }) => total), [1, 1, 1])
      t.strictSame(inMemory.map(({ total }) => total), [1, 1, 1])
      t.ok(Math.max(...indexed.map(({ ms }) => ms)) * 2 < Math.min(...inMemory.map(({ ms }) => ms)), 'each indexed filter takes less than half of each other one')
    })

    t.test('the first and the last page of all users -> read without reading the others', async (t) => {
      const page = (startIndex: number) => list('/Users', { startIndex: String(startIndex), count: '100' })
      await measure('first page of 100', () => page(1))
      await measure('last page of 100', () => page(users - 99))
      t.match((await page(users - 49)).body, { totalResults: users, startIndex: users - 49, itemsPerPage: 50 })
      const all = await measure('a filter that matches all', () => list('/Users', { filter: 'active eq true', count: '100' }))
      const first = await measure('first page of 100, again', () => page(1))
      t.ok(first.ms * 2 < all.ms, 'a page takes less than half of a filter that matches all')
    })

    t.test('a user is created, changed and deleted -> by id and index alone', async (t) => {
      let count = 0
      await measure('POST, PATCH and DELETE', async () => {
        const { body } = await send('POST', '/Users', { schemas: [userSchema], userName: `new-${count++}@example.com` })
        await patch(body, { op: 'replace', path: 'active', value: 'False' })
        await send('DELETE', `/Users/${body.id}`)
      })
      t.match((await list('/Users', { count: '0' })).body, { totalResults: users })
      t.match((await patch(user, { op: 'Replace', path: 'active', value: 'False' })), { active: false, userName: 'user-7@example.com' })
    })
  })
}

async function insertUsers (db: Queryable): Promise<void> {
  const rows = Array.from({ length: users }, (_, i) => ({
    userName: `user-${i + 1}@example.com`,
    externalId: `external-${i + 1}`,
    displayName: `User ${i + 1}`,
    active: true,
    name: { givenName: 'User', familyName: String(i + 1) },
    emails: [{ value: `user-${i + 1}@work.example`, type: 'work', primary: true }]
  }))
  // In parts, each within the host's limit for a statement.
  for (let i = 0; i < rows.length; i += 1000) {
    const part = rows.slice(i, i + 1000)
    const keys = (name: 'userName' | 'displayName' | 'externalId') => part.map((row) => keyOf(name, row[name]))
    await db.query(`
      insert into scim_users (resource, user_name, display_name, external_id)
      select resource::jsonb, user_name, display_name, external_id
      from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as rows (resource, user_name, display_name, external_id)`,
    [part.map((row) => JSON.stringify(row)), keys('userName'), keys('displayName'), keys('externalId')])
  }
  await db.query('analyze scim_users')
}
