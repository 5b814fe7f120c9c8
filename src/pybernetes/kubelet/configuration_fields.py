"""Fields of KubeletConfiguration (v1.36) that no setting of this kubelet stands for. Data."""

DECIDED_ELSEWHERE = frozenset(
    """
    address authentication authorization cgroupDriver cgroupRoot cgroupsPerQOS
    configMapAndSecretChangeDetectionStrategy containerLogMaxWorkers containerLogMonitorInterval
    containerRuntimeEndpoint contentType cpuCFSQuota cpuCFSQuotaPeriod
    enableContentionProfiling
    enableControllerAttachDetach enableDebugFlagsHandler enableDebuggingHandlers enableProfilingHandler enableServer
    enableSystemLogHandler enableSystemLogQuery enforceNodeAllocatable eventBurst eventRecordQPS failCgroupV1 failSwapOn
    featureGates fileCheckFrequency hairpinMode healthzBindAddress healthzPort httpCheckFrequency imageServiceEndpoint
    iptablesDropBit iptablesMasqueradeBit kernelMemcgNotification kubeAPIBurst kubeAPIQPS kubeReservedCgroup
    kubeletCgroups localStorageCapacityIsolation logging makeIPTablesUtilChains maxOpenFiles memoryThrottlingFactor
    nodeStatusMaxImages oomScoreAdj podCIDR port registryBurst registryPullQPS rotateCertificates runtimeRequestTimeout
    serverTLSBootstrap showHiddenMetricsForVersion singleProcessOOMKill streamingConnectionIdleTimeout syncFrequency
    systemCgroups systemReservedCgroup tlsCertFile tlsCipherSuites tlsCurvePreferences tlsMinVersion tlsPrivateKeyFile
    tracing volumePluginDir volumeStatsAggPeriod
    """.split()
)
"""Accepted and without effect: the cluster decides them, or there is nothing here that they could slow down or grow."""

NOT_HERE = frozenset(
    """
    imageMaximumGCAge
    memoryManagerPolicy memoryReservationPolicy memorySwap podsPerCore
    protectKernelDefaults providerID qosReserved readOnlyPort reservedMemory runOnce
    staticPodURL staticPodURLHeader topologyManagerPolicyOptions
    userNamespaces
    """.split()
)
"""Refused, unless they ask for nothing."""

NEUTRAL: tuple[object, ...] = (None, False, 0, "", "0s", "none", "None", "container", [], {})
"""What asks for nothing."""
