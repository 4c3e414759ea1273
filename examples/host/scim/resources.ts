import SCIMMY from 'scimmy'
import type { Queryable } from '../database.ts'
import { maxPageSize } from './compatibility/list.ts'
import type { ResourceClass } from './compatibility/render.ts'
import { resourceTable, type ResourceTable } from './resource-table.ts'

/** Where SCIM is served. */
export const scimPath = '/scim'

/** What a route passes through SCIMMY to the table, because SCIMMY is configured once for all databases of the process. */
export interface ScimContext { db: Queryable }

type Handled = Pick<SCIMMY.Types.Resource, 'id'>

/** A resource type that can be provisioned. */
export interface ProvisionedType {
  Resource: ResourceClass
  table: ResourceTable
}

// At module level, because SCIMMY is configured once, however many hosts are built.
SCIMMY.Config.set({
  patch: true,
  sort: true,
  filter: maxPageSize,
  authenticationSchemes: [{
    type: 'oauthbearertoken',
    name: 'OAuth Bearer Token',
    description: 'The SCIM token that an admin of this server has generated.',
    specUri: 'https://www.rfc-editor.org/info/rfc6750'
  }]
})

const { User, Group, Schema, ResourceType, ServiceProviderConfig } = SCIMMY.Resources
for (const resource of [User, Group, Schema, ResourceType, ServiceProviderConfig]) resource.basepath(scimPath)

// RFC 7643, section 7: canonical values are suggestions. SCIMMY rejects all others, and its list for
// roles is empty, so that it rejects Entra ID's type "WindowsAzureActiveDirectoryRole".
for (const { schema: { definition } } of [User, Group]) {
  for (const { subAttributes = [] } of definition.attributes) {
    for (const { config } of subAttributes) config.canonicalValues = false
  }
}

export const provisionedTypes: readonly ProvisionedType[] = [
  declare(SCIMMY.Resources.declare(User).extend(SCIMMY.Schemas.EnterpriseUser, false), resourceTable('scim_users')),
  declare(SCIMMY.Resources.declare(Group), resourceTable('scim_groups'))
]

function declare (Resource: ResourceClass, table: ResourceTable): ProvisionedType {
  Resource
    // The content has no password: SCIMMY leaves it out.
    .ingress(({ id }: Handled, content: object, { db }: ScimContext) => id === undefined ? table.insert(db, content) : table.update(db, id, content))
    .egress(({ id }: Handled, { db }: ScimContext) => table.find(db, String(id)))
    .degress(({ id }: Handled, { db }: ScimContext) => table.remove(db, String(id)))
  return { Resource, table }
}
