import t from 'tap'
import { oktaRequests } from '../helpers/scim-okta.ts'
import { databases, startProvider } from '../helpers/scim-provider.ts'

for (const database of databases) {
  t.test(`on the ${database} database`, async (t) => {
    await oktaRequests(t, await startProvider(t, database))
  })
}
