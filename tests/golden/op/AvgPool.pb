
@
c00/in0Placeholder*
dtype0*
shape:
x
c00/out0AvgPoolc00/in0*
T0*
data_formatNHWC*
ksize
*
paddingVALID*
strides

I
c01/in0Placeholder*
dtype0*$
shape:ÿÿÿÿÿÿÿÿÿ
z
c01/AvgPoolAvgPoolc01/in0*
T0*
data_formatNHWC*
ksize
*
paddingSAME*
strides

*
c01/out0Identityc01/AvgPool*
T0
@
c02/in0Placeholder*
dtype0*
shape:
z
c02/AvgPoolAvgPoolc02/in0*
T0*
data_formatNHWC*
ksize
*
paddingSAME*
strides

*
c02/out0Identityc02/AvgPool*
T0
@
c03/in0Placeholder*
dtype0*
shape:
{
c03/AvgPoolAvgPoolc03/in0*
T0*
data_formatNHWC*
ksize
*
paddingVALID*
strides

*
c03/out0Identityc03/AvgPool*
T0
I
c04/in0Placeholder*
dtype0*$
shape:ÿÿÿÿÿÿÿÿÿ	
z
c04/AvgPoolAvgPoolc04/in0*
T0*
data_formatNHWC*
ksize
*
paddingSAME*
strides

*
c04/out0Identityc04/AvgPool*
T0
@
c05/in0Placeholder*
dtype0*
shape:
w
c05/out0AvgPoolc05/in0*
T0*
data_formatNHWC*
ksize
*
paddingSAME*
strides

@
c06/in0Placeholder*
dtype0*
shape:	
{
c06/AvgPoolAvgPoolc06/in0*
T0*
data_formatNHWC*
ksize
*
paddingVALID*
strides

*
c06/out0Identityc06/AvgPool*
T0
I
c07/in0Placeholder*
dtype0*$
shape:ÿÿÿÿÿÿÿÿÿ
z
c07/AvgPoolAvgPoolc07/in0*
T0*
data_formatNHWC*
ksize
*
paddingSAME*
strides

*
c07/out0Identityc07/AvgPool*
T0
@
c08/in0Placeholder*
dtype0*
shape:
{
c08/AvgPoolAvgPoolc08/in0*
T0*
data_formatNHWC*
ksize
*
paddingVALID*
strides

*
c08/out0Identityc08/AvgPool*
T0
@
c09/in0Placeholder*
dtype0*
shape:
z
c09/AvgPoolAvgPoolc09/in0*
T0*
data_formatNHWC*
ksize
*
paddingSAME*
strides

*
c09/out0Identityc09/AvgPool*
T0
I
c10/in0Placeholder*
dtype0*$
shape:ÿÿÿÿÿÿÿÿÿ
w
c10/out0AvgPoolc10/in0*
T0*
data_formatNHWC*
ksize
*
paddingSAME*
strides

@
c11/in0Placeholder*
dtype0*
shape:
{
c11/AvgPoolAvgPoolc11/in0*
T0*
data_formatNHWC*
ksize
*
paddingVALID*
strides

*
c11/out0Identityc11/AvgPool*
T0
@
c12/in0Placeholder*
dtype0*
shape:
{
c12/AvgPoolAvgPoolc12/in0*
T0*
data_formatNHWC*
ksize
*
paddingVALID*
strides

*
c12/out0Identityc12/AvgPool*
T0
I
c13/in0Placeholder*
dtype0*$
shape:ÿÿÿÿÿÿÿÿÿ
z
c13/AvgPoolAvgPoolc13/in0*
T0*
data_formatNHWC*
ksize
*
paddingSAME*
strides

*
c13/out0Identityc13/AvgPool*
T0
@
c14/in0Placeholder*
dtype0*
shape:
z
c14/AvgPoolAvgPoolc14/in0*
T0*
data_formatNHWC*
ksize
*
paddingSAME*
strides

*
c14/out0Identityc14/AvgPool*
T0
@
c15/in0Placeholder*
dtype0*
shape:	
w
c15/out0AvgPoolc15/in0*
T0*
data_formatNHWC*
ksize
*
paddingSAME*
strides

I
c16/in0Placeholder*
dtype0*$
shape:ÿÿÿÿÿÿÿÿÿ	
{
c16/AvgPoolAvgPoolc16/in0*
T0*
data_formatNHWC*
ksize
*
paddingVALID*
strides

*
c16/out0Identityc16/AvgPool*
T0
@
c17/in0Placeholder*
dtype0*
shape:
z
c17/AvgPoolAvgPoolc17/in0*
T0*
data_formatNHWC*
ksize
*
paddingSAME*
strides

*
c17/out0Identityc17/AvgPool*
T0
@
c18/in0Placeholder*
dtype0*
shape:	

z
c18/AvgPoolAvgPoolc18/in0*
T0*
data_formatNHWC*
ksize
*
paddingSAME*
strides

*
c18/out0Identityc18/AvgPool*
T0
I
c19/in0Placeholder*
dtype0*$
shape:ÿÿÿÿÿÿÿÿÿ
z
c19/AvgPoolAvgPoolc19/in0*
T0*
data_formatNHWC*
ksize
*
paddingSAME*
strides

*
c19/out0Identityc19/AvgPool*
T0
@
c20/in0Placeholder*
dtype0*
shape:
w
c20/out0AvgPoolc20/in0*
T0*
data_formatNCHW*
ksize
*
paddingSAME*
strides

@
c21/in0Placeholder*
dtype0*
shape:
z
c21/AvgPoolAvgPoolc21/in0*
T0*
data_formatNCHW*
ksize
*
paddingSAME*
strides

*
c21/out0Identityc21/AvgPool*
T0
I
c22/in0Placeholder*
dtype0*$
shape:ÿÿÿÿÿÿÿÿÿ	
z
c22/AvgPoolAvgPoolc22/in0*
T0*
data_formatNCHW*
ksize
*
paddingSAME*
strides

*
c22/out0Identityc22/AvgPool*
T0
@
c23/in0Placeholder*
dtype0*
shape:	
{
c23/AvgPoolAvgPoolc23/in0*
T0*
data_formatNCHW*
ksize
*
paddingVALID*
strides

*
c23/out0Identityc23/AvgPool*
T0
@
c24/in0Placeholder*
dtype0*
shape:
z
c24/AvgPoolAvgPoolc24/in0*
T0*
data_formatNCHW*
ksize
*
paddingSAME*
strides

*
c24/out0Identityc24/AvgPool*
T0
I
c25/in0Placeholder*
dtype0*$
shape:ÿÿÿÿÿÿÿÿÿ
w
c25/out0AvgPoolc25/in0*
T0*
data_formatNCHW*
ksize
*
paddingSAME*
strides

@
c26/in0Placeholder*
dtype0*
shape:
{
c26/AvgPoolAvgPoolc26/in0*
T0*
data_formatNCHW*
ksize
*
paddingVALID*
strides

*
c26/out0Identityc26/AvgPool*
T0
@
c27/in0Placeholder*
dtype0*
shape:	
z
c27/AvgPoolAvgPoolc27/in0*
T0*
data_formatNCHW*
ksize
*
paddingSAME*
strides

*
c27/out0Identityc27/AvgPool*
T0"ª