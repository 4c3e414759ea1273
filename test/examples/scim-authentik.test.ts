import t from 'tap'
import { authentikRequests } from '../helpers/scim-authentik.ts'
import { databases, startProvider } from '../helpers/scim-provider.ts'

for (const database of databases) {
  t.test(`on the ${database} database`, async (t) => {
    await authentikRequests(t, await startProvider(t, database))
  })
}
