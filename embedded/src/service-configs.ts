import { readAuthConfig, type AuthConfig } from '@taskgraph/auth/config';
import { readGatewayConfig, type GatewayConfig } from '@taskgraph/gateway/config';
import { readMediaConfig, type MediaConfig } from '@taskgraph/media/config';
import { ConfigError } from '@taskgraph/service-kit';
import { readTaskConfig, type TaskConfig } from '@taskgraph/task/config';

export interface ServiceConfigs {
  readonly gateway: GatewayConfig;
  readonly auth: AuthConfig;
  readonly task: TaskConfig;
  readonly media: MediaConfig;
}

/**
 * Reads the configurations of all services, without the code of any: soon enough to be told before anything is started.
 *
 * @throws ConfigError with the faults of all together
 */
export function readServiceConfigs(env: NodeJS.ProcessEnv): ServiceConfigs {
  const faults = new Set<string>();
  const read = <Config>(readConfig: (env: NodeJS.ProcessEnv) => Config): Config | null => {
    try {
      return readConfig(env);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const fault of error.faults) faults.add(fault);
      return null;
    }
  };
  const gateway = read(readGatewayConfig);
  const auth = read(readAuthConfig);
  const task = read(readTaskConfig);
  const media = read(readMediaConfig);
  if (!gateway || !auth || !task || !media) throw new ConfigError([...faults]);
  return { gateway, auth, task, media };
}
