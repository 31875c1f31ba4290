/* SPDX-License-Identifier: GPL-2.0-only */
/* Registers, descriptors and bits of the 82540EM, by the names of Intel's software developer's manual. */
#ifndef VMM_E1000_REGS_H
#define VMM_E1000_REGS_H

#include <stdint.h>

#define E1000_MMIO_BYTES 0x20000
#define E1000_IO_BYTES 64
#define E1000_REG_BYTES 0x6000 /* registers beyond are packet buffer memory, which reads as zero */

/* General */
#define R_CTRL 0x0000
#define R_STATUS 0x0008
#define R_EECD 0x0010
#define R_EERD 0x0014
#define R_CTRL_EXT 0x0018
#define R_MDIC 0x0020
#define R_FCAL 0x0028
#define R_FCAH 0x002c
#define R_FCT 0x0030
#define R_VET 0x0038
#define R_FCTTV 0x0170
#define R_TXCW 0x0178
#define R_LEDCTL 0x0e00
#define R_PBA 0x1000
/* Interrupts */
#define R_ICR 0x00c0
#define R_ITR 0x00c4
#define R_ICS 0x00c8
#define R_IMS 0x00d0
#define R_IMC 0x00d8
/* Receive */
#define R_RCTL 0x0100
#define R_FCRTL 0x2160
#define R_FCRTH 0x2168
#define R_RDBAL 0x2800
#define R_RDBAH 0x2804
#define R_RDLEN 0x2808
#define R_RDH 0x2810
#define R_RDT 0x2818
#define R_RDTR 0x2820
#define R_RXDCTL 0x2828
#define R_RADV 0x282c
#define R_RSRPD 0x2c00
#define R_RXCSUM 0x5000
#define R_MTA 0x5200
#define R_RAL 0x5400 /* and RAH 4 bytes on; 16 pairs */
#define R_VFTA 0x5600
/* Transmit */
#define R_TCTL 0x0400
#define R_TIPG 0x0410
#define R_AIT 0x0458
#define R_TDBAL 0x3800
#define R_TDBAH 0x3804
#define R_TDLEN 0x3808
#define R_TDH 0x3810
#define R_TDT 0x3818
#define R_TIDV 0x3820
#define R_TXDCTL 0x3828
#define R_TADV 0x382c
#define R_TSPMT 0x3830
/* Wake-up and management: kept, without effect */
#define R_WUC 0x5800
#define R_WUFC 0x5808
#define R_WUS 0x5810
#define R_MANC 0x5820
#define R_IPAV 0x5838
#define R_IP4AT 0x5840
#define R_FFLT 0x5f00
#define R_FFLT_END 0x5f28

/* Statistics: cleared when read */
#define R_STATS 0x4000
#define R_MPC 0x4010
#define R_PRC64 0x405c
#define R_GPRC 0x4074
#define R_BPRC 0x4078
#define R_MPRC 0x407c
#define R_GPTC 0x4080
#define R_GORCL 0x4088
#define R_GOTCL 0x4090
#define R_RUC 0x40a4
#define R_ROC 0x40ac
#define R_TORL 0x40c0
#define R_TOTL 0x40c8
#define R_TPR 0x40d0
#define R_TPT 0x40d4
#define R_PTC64 0x40d8
#define R_MPTC 0x40f0
#define R_BPTC 0x40f4
#define R_TSCTC 0x40f8
#define R_TSCTFC 0x40fc
#define R_STATS_END 0x4128

#define CTRL_FD 0x00000001
#define CTRL_SLU 0x00000040
#define CTRL_SPD_1000 0x00000200
#define CTRL_RST 0x04000000
#define CTRL_VME 0x40000000
#define CTRL_PHY_RST 0x80000000

#define STATUS_FD 0x00000001
#define STATUS_LU 0x00000002
#define STATUS_TXOFF 0x00000010
#define STATUS_SPEED_1000 0x00000080
#define STATUS_ASDV_1000 0x00000200
#define STATUS_MTXCKOK 0x00000400

#define EECD_SK 0x001
#define EECD_CS 0x002
#define EECD_DI 0x004
#define EECD_DO 0x008
#define EECD_FWE 0x030
#define EECD_REQ 0x040
#define EECD_GNT 0x080
#define EECD_PRES 0x100

#define EERD_START 0x00000001
#define EERD_DONE 0x00000010

#define MDIC_OP_WRITE 0x04000000
#define MDIC_OP_READ 0x08000000
#define MDIC_READY 0x10000000
#define MDIC_INT_EN 0x20000000
#define MDIC_ERROR 0x40000000

#define INT_TXDW 0x00000001
#define INT_TXQE 0x00000002
#define INT_LSC 0x00000004
#define INT_RXDMT0 0x00000010
#define INT_RXO 0x00000040
#define INT_RXT0 0x00000080
#define INT_MDAC 0x00000200
#define INT_TXD_LOW 0x00008000
#define INT_SRPD 0x00010000
#define INT_ALL 0x0001ffff

#define RCTL_EN 0x00000002
#define RCTL_UPE 0x00000008
#define RCTL_MPE 0x00000010
#define RCTL_LPE 0x00000020
#define RCTL_LBM 0x000000c0
#define RCTL_RDMTS_SHIFT 8
#define RCTL_MO_SHIFT 12
#define RCTL_BAM 0x00008000
#define RCTL_BSIZE_SHIFT 16
#define RCTL_VFE 0x00040000
#define RCTL_BSEX 0x02000000
#define RCTL_SECRC 0x04000000

#define RXCSUM_IPOFL 0x00000100
#define RXCSUM_TUOFL 0x00000200

#define TCTL_EN 0x00000002

#define RAH_AV 0x80000000

/* Descriptors; all little-endian. */
struct e1000_rx_desc {
	uint64_t addr;
	uint16_t length;
	uint16_t csum;
	uint8_t status;
	uint8_t errors;
	uint16_t special;
};

#define RXD_DD 0x01
#define RXD_EOP 0x02
#define RXD_IXSM 0x04
#define RXD_VP 0x08
#define RXD_TCPCS 0x20
#define RXD_IPCS 0x40
#define RXD_PIF 0x80
#define RXD_ERR_TCPE 0x20
#define RXD_ERR_IPE 0x40

/* Legacy and data descriptors; `lower` holds length, then bits by kind, then the command byte. */
struct e1000_tx_desc {
	uint64_t addr;
	uint32_t lower;
	uint32_t upper;
};

#define TXD_CMD_EOP 0x01000000
#define TXD_CMD_IFCS 0x02000000
#define TXD_CMD_IC 0x04000000  /* legacy */
#define TXD_CMD_TSE 0x04000000 /* data and context */
#define TXD_CMD_RS 0x08000000
#define TXD_CMD_RPS 0x10000000
#define TXD_CMD_DEXT 0x20000000
#define TXD_CMD_VLE 0x40000000
#define TXD_CMD_IDE 0x80000000
#define TXD_DTYP_MASK 0x00f00000
#define TXD_DTYP_CONTEXT 0x00000000
#define TXD_DTYP_DATA 0x00100000
#define TXD_STAT_DD 0x00000001 /* of upper */
#define TXD_POPTS_IXSM 0x00000100
#define TXD_POPTS_TXSM 0x00000200
#define TXC_CMD_TCP 0x01000000
#define TXC_CMD_IP 0x02000000

/* PHY registers (IEEE 802.3 and the M88E1011's own) */
#define PHY_ADDRESS 1
#define PHY_CTRL 0
#define PHY_STATUS 1
#define PHY_ID1 2
#define PHY_ID2 3
#define PHY_ANAR 4
#define PHY_LPAR 5
#define PHY_ANER 6
#define PHY_1000T_CTRL 9
#define PHY_1000T_STATUS 10
#define PHY_EXT_STATUS 15
#define PHY_M88_CTRL 16
#define PHY_M88_STATUS 17
#define PHY_M88_INT_ENABLE 18
#define PHY_M88_INT_STATUS 19
#define PHY_M88_EXT_CTRL 20
#define PHY_M88_RX_ERRORS 21
#define PHY_M88_PAGE 29
#define PHY_M88_GEN_CTRL 30

#define PHY_CTRL_RESET 0x8000
#define PHY_CTRL_LOOPBACK 0x4000
#define PHY_CTRL_AUTONEG 0x1000
#define PHY_CTRL_RESTART_AN 0x0200
#define PHY_STATUS_AN_DONE 0x0020
#define PHY_STATUS_LINK 0x0004
#define PHY_M88_STATUS_1000 0x8000
#define PHY_M88_STATUS_FD 0x2000
#define PHY_M88_STATUS_RESOLVED 0x0800
#define PHY_M88_STATUS_LINK 0x0400

#define EEPROM_WORDS 64
#define EEPROM_SUM 0xbaba

#endif
