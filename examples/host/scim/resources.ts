import SCIMMY from 'scimmy'
import type { Queryable } from '../database.ts'
import { maxPageSize } from './compatibility/list.ts'
import type { ResourceClass } from './compatibility/render.ts'
import { resourceTable, type ResourceTable } from './resource-table.ts'

/** Where SCIM is served. */
export const scimPath = '/scim'

/** What a request passes through SCIMMY to its table, because SCIMMY is set up once for all databases of the process. */
export interface ScimContext { db: Queryable }

type Handled = Pick<SCIMMY.Types.Resource, 'id'>

/** What can be provisioned. */
export interface ProvisionedType {
  Resource: ResourceClass
  table: ResourceTable
}

// In a module, which runs once however many hosts are built.
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

// RFC 7643, section 7: canonical values are suggested. SCIMMY rejects all others, and with its empty
// list any type of a role, such as Entra ID's "WindowsAzureActiveDirectoryRole".
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
