//! Farms that tests declare, with windows and pauses short enough to wait for.

/// A shop: web servers behind a balancer.
pub struct Shop {
    /// Fewest web servers.
    pub min: u32,
    /// Most.
    pub max: u32,
    /// `scaleUp` and `scaleDown` of a rule of the CPU, if it has one.
    pub rule: Option<(u32, u32)>,
    /// How large web servers are.
    pub size: &'static str,
}

impl Shop {
    /// Its manifest.
    pub fn manifest(&self) -> String {
        let Shop { min, max, rule, size } = self;
        let rules = rule.map_or(String::new(), |(up, down)| {
            format!(
                ", rules: [{{ruleType: CpuPercent, scaleUp: {up}, scaleDown: {down}, window: 10s}}]"
            )
        });
        format!(
            "farm: shop
launchOrder: sequential
farmRoles:
  - alias: web
    role: web-demo
    cloudPlatform: onboard
    instanceType: {size}
    launchIndex: 1
    scaling: {{enabled: true, minInstances: {min}, maxInstances: {max}{rules}}}
    storage:
      - {{type: PersistentStorageConfiguration, mountPoint: /data, size: 64MiB}}
    grange:
      check: {{port: 8080, path: /healthz}}
      drain: 3s
      cooldownUp: 2s
      cooldownDown: 4s
  - alias: lb
    role: haproxy
    cloudPlatform: onboard
    instanceType: small
    launchIndex: 2
    scaling: {{minInstances: 1, maxInstances: 1}}
    grange:
      balance: {{farmRole: web, port: 8080, listenPort: 8080, checkPath: /healthz}}
"
        )
    }
}

/// A shop whose web servers are rolled over: what they are made of, and how.
pub struct Rolled {
    /// How large web servers are: another size is another revision.
    pub size: &'static str,
    /// What a ready web server answers: a path nobody serves is a revision that never gets ready.
    pub path: &'static str,
    /// The section `rollout`, in braces.
    pub rollout: &'static str,
}

impl Rolled {
    /// Its manifest.
    pub fn manifest(&self) -> String {
        let Rolled { size, path, rollout } = self;
        format!(
            "farm: shop
launchOrder: sequential
farmRoles:
  - alias: web
    role: web-demo
    cloudPlatform: onboard
    instanceType: {size}
    launchIndex: 1
    scaling: {{enabled: true, minInstances: 3, maxInstances: 5}}
    grange:
      check: {{port: 8080, path: {path}}}
      drain: 2s
      launchTimeout: 10s
      rollout: {rollout}
  - alias: lb
    role: haproxy
    cloudPlatform: onboard
    instanceType: small
    launchIndex: 2
    scaling: {{minInstances: 1, maxInstances: 1}}
    grange:
      balance: {{farmRole: web, port: 8080, listenPort: 8080, checkPath: /healthz}}
"
        )
    }
}
